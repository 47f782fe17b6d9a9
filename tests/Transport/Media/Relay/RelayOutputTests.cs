using System.Buffers.Binary;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;
using StreamDiff.Transport.Media.Srt;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Relay;

/// <summary>A public address that viewers come to, for a stream that is made elsewhere.</summary>
public sealed class RelayOutputTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(1));
    private readonly CancellationTokenSource _over = new();

    public void Dispose()
    {
        _over.Cancel();
        _over.Dispose();
        _patience.Dispose();
    }

    [Fact]
    public async Task Viewer_ThatTakesNothing_HoldsUpNobody_AndTheNextOneSeesWhatIsMadeNow()
    {
        var port = FreePort.Udp();
        var told = new List<string>();
        using var output = new RelayOutput(MediaAddress.Parse($"srt://127.0.0.1:{port}?mode=listener"), told.Add);
        output.Begin();
        using var maker = new Maker();
        var making = Task.Run(() => output.Take(maker, _over.Token));
        var address = SrtAddress.Parse(MediaAddress.Parse($"srt://127.0.0.1:{port}?mode=caller"));

        using (SrtCaller.Connect(address, _patience.Token))
        {
            // Three times what may wait for a viewer goes by, and the maker notices nothing.
            var from = maker.Made;
            maker.IsFast = true;
            while (maker.Made - from < 48 << 20)
                await Task.Delay(10, _patience.Token);
            maker.IsFast = false;
        }
        // It left without a word. Whoever comes next is let in as soon as that is seen.
        var (seen, since) = (0L, maker.Made / 188);
        using (var next = await Connect(address))
            while (seen < since)
                seen = Math.Max(seen, Number(next));
        // Another maker takes over, and the viewer stays.
        using var second = new Maker { From = 1 << 28 };
        using (var viewer = await Connect(address))
        {
            var taken = Task.Run(() => output.Take(second, _over.Token));
            while (Number(viewer) < second.From)
            {
            }
            await making.WaitAsync(_patience.Token);
            Assert.False(taken.IsCompleted);
        }
        Assert.Empty(told);
    }

    private long Number(SrtSocket viewer)
    {
        var bytes = new byte[viewer.DatagramSize];
        int read;
        while ((read = viewer.Read(bytes, TimeSpan.FromMilliseconds(100))) < 0)
            _patience.Token.ThrowIfCancellationRequested();
        Assert.True(read >= 188, "the viewer was sent away");
        return BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(4));
    }

    private async Task<SrtSocket> Connect(SrtAddress address)
    {
        while (true)
            try
            {
                return SrtCaller.Connect(address, _patience.Token);
            }
            catch (MediaException)
            {
                // The one before is still taken for a viewer.
                await Task.Delay(50, _patience.Token);
            }
    }

    /// <summary>Packets of a transport stream without tables, which say their number.</summary>
    private sealed class Maker : IByteSource
    {
        private long _number;

        public long From { get; init; }

        /// <summary>Bytes made so far.</summary>
        public long Made => 188 * Interlocked.Read(ref _number);

        public bool IsFast { get; set; }

        public int Read(Span<byte> buffer, TimeSpan patience)
        {
            if (!IsFast)
                Thread.Sleep(5);
            var count = Math.Min(buffer.Length / 188, IsFast ? 300 : 14);
            for (var i = 0; i < count; i++)
            {
                var packet = buffer.Slice(188 * i, 188);
                packet.Clear();
                (packet[0], packet[1], packet[2], packet[3]) = (0x47, 0x01, 0x00, 0x10);
                BinaryPrimitives.WriteInt64LittleEndian(packet[4..], From + Interlocked.Increment(ref _number));
            }
            return 188 * count;
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
