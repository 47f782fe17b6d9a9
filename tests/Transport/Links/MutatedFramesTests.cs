using System.Buffers;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>
/// What a peer sends is bytes until it has been checked: whatever they are, the answer is a message, an end or a refusal.
/// </summary>
public sealed class MutatedFramesTests
{
    private const int Frames = 10_000;
    private static readonly LinkOptions Options = new() { MaxPayloadBytes = 1 << 20 };

    [Fact]
    public async Task Read_TenThousandMutatedFrames_GivesAMessageOrARefusal()
    {
        var random = new Random(11);
        var (messages, refusals) = (0, 0);
        // Nothing here waits, so all of it is this thread's; other tests allocate too.
        var (thread, before) = (Environment.CurrentManagedThreadId, GC.GetAllocatedBytesForCurrentThread());
        for (var i = 0; i < Frames; i++)
        {
            var codec = new FrameCodec(new MemoryStream(Mutate(random, await Frame(i % 50))), Options);
            try
            {
                while (await codec.ReadAsync(CancellationToken.None) is { } message)
                {
                    messages++;
                    message.Dispose();
                }
            }
            catch (LinkException)
            {
                refusals++;
            }
        }
        // A mutation may miss what matters, or lie behind a frame that is whole.
        Assert.True(refusals > Frames / 2, $"{refusals} refusals, {messages} messages");
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Frames, 1, 64 << 10);
        Assert.Equal(thread, Environment.CurrentManagedThreadId);
    }

    [Fact]
    public void Read_TenThousandMutatedHeadersWithTheRightChecksum_GivesAHeaderOrARefusal()
    {
        var random = new Random(12);
        var refusals = 0;
        for (var i = 0; i < Frames; i++)
        {
            using var message = SocketLinkTests.Message(i % 50);
            var output = new ArrayBufferWriter<byte>();
            HeaderCodec.Write(output, message.Header, [.. message.Payloads.Select(p => new PayloadSpec(p.Type, p.Shape, 1))]);
            try
            {
                var (_, payloads) = HeaderCodec.Read(
                    new ReadOnlySequence<byte>(Mutate(random, output.WrittenSpan.ToArray())), Options.MaxPayloadBytes);
                Assert.All(payloads, p =>
                    Assert.InRange(p.Shape.Aggregate((long)LinkPayload.SizeOf(p.Type), (a, b) => a * b), 0, Options.MaxPayloadBytes));
            }
            catch (LinkException)
            {
                refusals++;
            }
        }
        Assert.True(refusals > Frames / 10, $"{refusals} refusals");
    }

    [Fact]
    public async Task Read_ArrayLargerThanAllowed_IsRefusedBeforeItIsMade()
    {
        using var output = new MemoryStream();
        using var message = new LinkMessage(new LinkHeader { Kind = LinkKind.Tick }, new HostPayload(ElementType.U8, [2 << 20]));
        await new FrameCodec(output, new LinkOptions()).WriteAsync(message, CancellationToken.None);
        output.Position = 0;
        await Assert.ThrowsAsync<LinkException>(async () => await new FrameCodec(output, Options).ReadAsync(CancellationToken.None));
    }

    private static async Task<byte[]> Frame(int seed)
    {
        using var output = new MemoryStream();
        using var message = SocketLinkTests.Message(seed);
        await new FrameCodec(output, Options).WriteAsync(message, CancellationToken.None);
        return output.ToArray();
    }

    private static byte[] Mutate(Random random, byte[] frame)
    {
        var bytes = frame.ToList();
        for (var i = random.Next(1, 4); i > 0 && bytes.Count > 0; i--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    bytes.InsertRange(at, Enumerable.Range(0, random.Next(1, 20)).Select(_ => (byte)random.Next(256)));
                    break;
                default:
                    bytes.RemoveAt(at);
                    break;
            }
        }
        return [.. bytes];
    }
}
