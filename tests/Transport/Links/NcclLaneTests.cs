using System.Runtime.InteropServices;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Cuda;
using StreamDiff.Transport.Links.Nccl;
using StreamDiff.Transport.Links.Sockets;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Links;

/// <summary>
/// NCCL and CUDA as libraries of host memory, loaded under their names before anything asks for them: what asks is in the classes with this
/// fixture, because the answer is kept. Where the real ones are, these tests leave them alone and say nothing: there whole runs are what
/// proves the link.
/// </summary>
public sealed class HostDevices
{
    private readonly nint _handle;

    public HostDevices()
    {
        if (NativeLibrary.TryLoad("libcuda.so.1", out _) || NativeLibrary.TryLoad("libnccl.so.2", out _))
            return;
        // Libraries that are mapped may lose their files.
        using var folder = new TempFolder();
        foreach (var name in (string[])["libcuda.so.1", "libnccl.so.2"])
        {
            // The first brings all the functions; the second is a name for them, so that both share one state.
            var first = name == "libcuda.so.1";
            string[] what = first
                ? [Path.Combine(AppContext.BaseDirectory, "devices.c")]
                : ["-x", "c", "/dev/null", "-x", "none", "-Wl,--no-as-needed", folder.File("libcuda.so.1")];
            CommandLine.Run("cc", ["-w", "-O1", "-shared", "-fPIC", "-pthread", $"-Wl,-soname,{name}", "-o", folder.File(name), .. what]);
            _handle = NativeLibrary.Load(folder.File(name));
        }
    }

    public bool AreThere => _handle != 0;

    /// <summary>Communicators that nobody has ended.</summary>
    public unsafe int Communicators => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_handle, "streamdiffTestAlive"))();
}

public sealed class NcclLaneTests(HostDevices devices) : IClassFixture<HostDevices>
{
    private static readonly LinkOptions First = SocketLinkTests.Options with { Devices = new NcclLanes(0, new HostAllocator()) };
    private static readonly LinkOptions Second = SocketLinkTests.Options with { Devices = new NcclLanes(1, new HostAllocator()) };
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Connect_BothHaveNccl_ArraysTakeTheLaneBothWays()
    {
        if (!devices.AreThere)
            return;
        using (var ends = new SocketLinkTests.Ends(First, Second))
        {
            Assert.Equal(["NCCL", "NCCL"], [ends.Caller.Carrier, ends.Listener.Carrier]);
            for (var i = 0; i < 20; i++)
            {
                Exchange(ends.Caller, ends.AtListener, i);
                Exchange(ends.Listener, ends.AtCaller, 100 + i);
            }
        }
        Assert.Equal(0, devices.Communicators);

        void Exchange(ILink from, LinkInbox to, int value)
        {
            from.Send(new LinkMessage(
                new LinkHeader { Kind = LinkKind.Tick, Tick = value }, new DeviceArray(ElementType.BF16, [3, value + 1], (byte)value),
                new DeviceArray(ElementType.I64, [2], 1)));
            Assert.True(to.Take(Patience, out var item));
            using var message = item.Message!;
            Assert.Equal(value, message.Header.Tick);
            var arrived = Assert.IsType<DeviceArray>(message.Payloads[0]);
            Assert.Equal([3, value + 1], arrived.Shape);
            Assert.True(arrived.Host().Span.IndexOfAnyExcept((byte)value) < 0);
            Assert.Equal(1, message.Payloads[1].Host().Span[^1]);
        }
    }

    [Fact]
    public void Connect_OneEndWithout_ArraysGoThroughHostMemory()
    {
        if (!devices.AreThere)
            return;
        using var ends = new SocketLinkTests.Ends(First, SocketLinkTests.Options);
        Assert.Equal("socket (the neighbour has no NCCL)", ends.Listener.Carrier);
        Assert.Equal("socket", ends.Caller.Carrier);
    }

    [Fact]
    public void Connect_OneEndCannotOpen_BothGoThroughHostMemory()
    {
        if (!devices.AreThere)
            return;
        // There are eight devices.
        var broken = SocketLinkTests.Options with
        {
            Devices = new NcclLanes(9, new HostAllocator()),
        };
        using var ends = new SocketLinkTests.Ends(First with { LaneTimeout = TimeSpan.FromSeconds(1) }, broken);
        Assert.Contains("CUDA: device 9: CUDA_ERROR_TEST (101)", ends.Caller.Carrier, StringComparison.Ordinal);
        Assert.Contains("was not open within 1 s", ends.Listener.Carrier, StringComparison.Ordinal);
        ends.Caller.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Tick }, new DeviceArray(ElementType.F32, [5], 3)));
        using var message = ends.Take(ends.AtListener);
        Assert.Equal(3, message.Payloads[0].Host().Span[19]);
    }

    [Fact]
    public void NewIds_AreFresh()
    {
        if (!devices.AreThere)
            return;
        var (forward, backward) = NcclLane.NewIds();
        var bytes = new byte[2 * NcclUniqueId.Length];
        forward.CopyTo(bytes);
        backward.CopyTo(bytes.AsSpan(NcclUniqueId.Length));
        Assert.False(bytes.AsSpan(0, NcclUniqueId.Length).SequenceEqual(bytes.AsSpan(NcclUniqueId.Length)));
    }

    [Fact]
    public async Task Dispose_WhileReceiving_EndsTheWait()
    {
        if (!devices.AreThere)
            return;
        var ids = NcclLane.NewIds();
        var opening = Task.Run(() => new NcclLane(1, ids, isCaller: false));
        var first = new NcclLane(0, ids, isCaller: true);
        using var second = await opening;
        using var array = new DeviceArray(ElementType.F32, [4], 0);
        var waiting = Task.Run(() => first.Receive([array]));
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(100)));
        first.Dispose();
        Assert.Contains("has been closed", (await Assert.ThrowsAsync<LinkException>(() => waiting.WaitAsync(Patience))).Message,
            StringComparison.Ordinal);
        Assert.Throws<LinkException>(() => first.Send([array]));
    }

    [Fact]
    public void DeviceCopy_BetweenDevicesAndToTheHost_BringsTheNumbers()
    {
        if (!devices.AreThere)
            return;
        using var source = new DeviceArray(ElementType.F32, [1000], 9);
        using var destination = new DeviceArray(ElementType.F32, [1000], 0);
        DeviceCopy.Between(source.DeviceAddress, 2, destination.DeviceAddress, 3, source.Bytes);
        var host = new byte[source.Bytes];
        DeviceCopy.ToHost(destination.DeviceAddress, 3, host);
        Assert.True(host.AsSpan().IndexOfAnyExcept((byte)9) < 0);
    }

    private sealed class DeviceArray : LinkPayload, IDeviceArray
    {
        private readonly HostPayload _host;

        public DeviceArray(ElementType type, long[] shape, byte value)
            : base(type, shape)
        {
            _host = new HostPayload(type, shape);
            _host.Memory.Span.Fill(value);
        }

        public nint DeviceAddress => _host.Address;

        public override ReadOnlyMemory<byte> Host() => _host.Memory;

        public override void Dispose() => _host.Dispose();
    }

    private sealed class HostAllocator : IDeviceAllocator
    {
        public LinkPayload Allocate(ElementType type, long[] shape) => new DeviceArray(type, shape, 0);
    }
}

public sealed class NcclSearchTests
{
    [Fact]
    public void Candidates_PipsTorch_AreBesideIt() =>
        Assert.Equal(["/venv/torch/lib/libnccl.so.2", "/venv/nvidia/nccl/lib/libnccl.so.2"], NcclSearch.Candidates("/venv/torch/lib"));
}
