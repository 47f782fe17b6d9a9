using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Nccl;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>
/// The parts of the NCCL link that need no GPU: order, mixed messages and endings with a lane in host memory; ids; what is said where NCCL
/// is missing.
/// </summary>
public sealed class DeviceLinkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Send_MessagesOnAndOffTheDevice_ArriveWholeAndInOrder()
    {
        using var ends = new Ends();
        for (var i = 0; i < 50; i++)
            ends.First.Send(new LinkMessage(
                new LinkHeader { Kind = LinkKind.Tick, Tick = i }, i % 3 == 0 ? Host(i) : new FakeArray(Host(i))));
        for (var i = 0; i < 50; i++)
        {
            using var message = Take(ends.AtSecond);
            Assert.Equal(i, message.Header.Tick);
            Assert.Empty(message.Header.DeviceArrays);
            Assert.Equal(i % 3 != 0, message.Payloads[0] is FakeArray);
            Assert.Equal((byte)i, message.Payloads[0].Host().Span[0]);
        }
        ends.Second.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.BlockCache }, new FakeArray(Host(9)), new FakeArray(Host(8))));
        using var back = Take(ends.AtFirst);
        Assert.Equal([9, 8], back.Payloads.Select(p => p.Host().Span[0]));
    }

    [Fact]
    public void LaneFails_BothEndsAreTold()
    {
        using var ends = new Ends();
        ends.FirstLane.Broken = true;
        ends.First.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Tick }, new FakeArray(Host(1))));
        Assert.True(ends.AtFirst.Take(Patience, out var mine));
        Assert.Equal("broken", mine.Reason);
        Assert.True(ends.AtSecond.Take(Patience, out var theirs));
        Assert.Null(theirs.Message);
    }

    [Fact]
    public void UniqueId_RoundTrips()
    {
        var bytes = Enumerable.Range(0, NcclUniqueId.Length).Select(i => (byte)(i * 7)).ToArray();
        var copy = new byte[NcclUniqueId.Length];
        NcclUniqueId.From(bytes).CopyTo(copy);
        Assert.Equal(bytes, copy);
        Assert.Equal(NcclUniqueId.Length, Marshal.SizeOf<NcclUniqueId>());
        Assert.Throws<ArgumentException>(() => NcclUniqueId.From(bytes.AsSpan(1)));
    }

    [Theory]
    [InlineData(ElementType.U8, 1)]
    [InlineData(ElementType.I64, 4)]
    [InlineData(ElementType.F16, 6)]
    [InlineData(ElementType.F32, 7)]
    [InlineData(ElementType.F64, 8)]
    [InlineData(ElementType.BF16, 9)]
    public void TypeOf_EachType_IsTheLibrarysNumber(ElementType type, int number) => Assert.Equal(number, NcclLibrary.TypeOf(type));

    private static HostPayload Host(int value)
    {
        var payload = new HostPayload(ElementType.U8, [2]);
        payload.Memory.Span.Fill((byte)value);
        return payload;
    }

    private static LinkMessage Take(LinkInbox inbox)
    {
        Assert.True(inbox.Take(Patience, out var item));
        Assert.True(item.Message is not null, item.Reason);
        return item.Message;
    }

    private sealed class FakeArray(HostPayload host) : LinkPayload(host.Type, host.Shape), IDeviceArray
    {
        public nint DeviceAddress => host.Address;

        public override ReadOnlyMemory<byte> Host() => host.Memory;

        public override void Dispose() => host.Dispose();
    }

    private sealed class FakeAllocator : IDeviceAllocator
    {
        public LinkPayload Allocate(ElementType type, long[] shape) => new FakeArray(new HostPayload(type, shape));
    }

    private sealed class FakeLane(BlockingCollection<byte[]> outgoing, BlockingCollection<byte[]> incoming) : IDeviceLane
    {
        public bool Broken { get; set; }

        public void Send(IReadOnlyList<LinkPayload> arrays)
        {
            if (Broken)
                throw new LinkException("broken");
            foreach (var array in arrays)
                outgoing.Add(array.Host().ToArray());
        }

        public void Receive(IReadOnlyList<LinkPayload> arrays)
        {
            foreach (var array in arrays)
            {
                if (!incoming.TryTake(out var bytes, Timeout.Infinite))
                    throw new LinkException("the lane ended");
                bytes.CopyTo(MemoryMarshal.AsMemory(array.Host()));
            }
        }

        public void Dispose()
        {
            outgoing.CompleteAdding();
            incoming.CompleteAdding();
        }
    }

    private sealed class Ends : IDisposable
    {
        private readonly BlockingCollection<byte[]> _forward = [];
        private readonly BlockingCollection<byte[]> _backward = [];

        public Ends()
        {
            var (first, second) = InProcessLink.Pair("first", "second");
            FirstLane = new FakeLane(_forward, _backward);
            First = new DeviceLink(first, FirstLane, new FakeAllocator());
            Second = new DeviceLink(second, new FakeLane(_backward, _forward), new FakeAllocator());
            First.Open(AtFirst);
            Second.Open(AtSecond);
        }

        public FakeLane FirstLane { get; }

        public DeviceLink First { get; }

        public DeviceLink Second { get; }

        public LinkInbox AtFirst { get; } = new();

        public LinkInbox AtSecond { get; } = new();

        public void Dispose()
        {
            First.Dispose();
            Second.Dispose();
            AtFirst.Dispose();
            AtSecond.Dispose();
        }
    }
}
