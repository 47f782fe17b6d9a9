using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using CsCheck;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>What protects messages against damage is XXH3 of 64 bits, for headers and for arrays of every size.</summary>
public sealed class FrameChecksumTests
{
    private const int PrefixBytes = 16;
    private static readonly LinkOptions Options = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(240)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(100_003)]
    public async Task Write_ArrayOfAnySize_CarriesXxh3OfHeaderAndArray(int bytes)
    {
        var frame = await Frame(bytes);
        var header = frame.AsMemory(PrefixBytes, BinaryPrimitives.ReadInt32LittleEndian(frame.AsSpan(4)));
        Assert.Equal(XxHash3.HashToUInt64(header.Span), BinaryPrimitives.ReadUInt64LittleEndian(frame.AsSpan(8)));
        var (_, arrays) = HeaderCodec.Read(new ReadOnlySequence<byte>(header), Options.MaxPayloadBytes);
        Assert.Equal(XxHash3.HashToUInt64(frame.AsSpan(PrefixBytes + header.Length)), Assert.Single(arrays).Checksum);
    }

    [Fact]
    public void Read_AnyBitTurned_IsRefused() => Gen.Select(Gen.Int[0, 3000], Gen.Int[0, int.MaxValue]).Sample((bytes, at) =>
    {
        var frame = Frame(bytes).GetAwaiter().GetResult();
        var bit = at % (8 * frame.Length);
        frame[bit / 8] ^= (byte)(1 << bit % 8);
        var codec = new FrameCodec(new MemoryStream(frame), Options);
        Assert.Throws<LinkException>(() => codec.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());
    });

    private static async Task<byte[]> Frame(int bytes)
    {
        var array = new HostPayload(ElementType.U8, [bytes]);
        new Random(bytes).NextBytes(array.Memory.Span);
        using var message = new LinkMessage(new LinkHeader { Kind = LinkKind.Tick, Detail = "a detail" }, array);
        using var output = new MemoryStream();
        await new FrameCodec(output, Options).WriteAsync(message, CancellationToken.None);
        return output.ToArray();
    }
}
