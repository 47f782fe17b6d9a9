using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Transport.Tests.Media.Relay;

/// <summary>A stream that is sent to several fronts: one that takes nothing, or is gone, is no matter to the others.</summary>
public sealed class RelaySenderTests : IDisposable
{
    private const int Piece = 1316;
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(1));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Relay_ThatTakesNothing_IsCutOffAndCalledAgain_AndTheOtherMissesNothing()
    {
        using var stuck = new Front();
        using var well = new Front();
        var (coming, other) = (stuck.Accept(_patience.Token), well.Accept(_patience.Token));
        using var sender = RelaySender.Connect(Address(stuck, well), _patience.Token);
        using var silent = await coming;
        using var reads = await other;
        // Both are sent to before anything is counted.
        await Until(() => sender.Lines == 2);
        var begun = Stopwatch.StartNew();
        var again = stuck.Accept(_patience.Token);
        var (number, read) = (0, 0);
        var piece = new byte[Piece];
        var buffer = new byte[Piece];
        while (!again.IsCompleted)
        {
            BinaryPrimitives.WriteInt32LittleEndian(piece, number++);
            Assert.True(sender.Write(piece));
            for (; read < number; read++)
            {
                await reads.GetStream().ReadExactlyAsync(buffer, _patience.Token);
                Assert.Equal(read, BinaryPrimitives.ReadInt32LittleEndian(buffer));
            }
        }
        // What waited for the one that took nothing was no more than a good stream's few seconds; on a slow machine it is the time after
        // which nobody waits for it any more that ends it.
        Assert.InRange((long)number * Piece, begun.Elapsed < RelayPort.TakenWithin ? 16 << 20 : Piece, 64 << 20);
        // Whoever is called again is sent what is made from then on.
        using var back = await again;
        await Until(() => sender.Lines == 2);
        BinaryPrimitives.WriteInt32LittleEndian(piece, number);
        Assert.True(sender.Write(piece));
        await back.GetStream().ReadExactlyAsync(buffer, _patience.Token);
        Assert.True(BinaryPrimitives.ReadInt32LittleEndian(buffer) > 0);
    }

    [Fact]
    public async Task Hosts_ThatDoNotAnswer_KeepNobodyFromTheOneThatDoes()
    {
        using var well = new Front();
        // They take the connection and say nothing: each would cost its whole patience, in every round.
        var dead = Enumerable.Range(0, 8).Select(_ => new Front { IsSilent = true }).ToList();
        try
        {
            // One after the other they cost sixteen seconds each time; a machine that is busy at times is asked again.
            var took = TimeSpan.MaxValue;
            for (var left = 5; left > 0 && took > TimeSpan.FromSeconds(15); left--)
            {
                var begun = Stopwatch.StartNew();
                var coming = well.Accept(_patience.Token);
                using (RelaySender.Connect(Address([.. dead, well]), _patience.Token))
                using (await coming)
                    took = begun.Elapsed;
            }
            Assert.True(took < TimeSpan.FromSeconds(15), $"it took {took}");
            well.Answer = "none";
            using var over = new CancellationTokenSource();
            var reader = Task.Run(() => RelayCaller.Connect(Address([.. dead, well]), over.Token));
            // Whoever has nobody yet is asked again, as often as if he were alone.
            for (var asked = 0; asked < 8; asked++)
                (await well.Accept(_patience.Token)).Dispose();
            well.Answer = "flv";
            using (await well.Accept(_patience.Token))
            using (var found = await reader.WaitAsync(_patience.Token))
                Assert.True(found.IsFlv);
        }
        finally
        {
            foreach (var front in dead)
                front.Dispose();
        }
    }

    private static MediaAddress Address(params Front[] fronts) =>
        MediaAddress.Parse($"relay://{string.Join(',', fronts.Select(f => f.EndPoint))}/show?token=key");

    private async Task Until(Func<bool> holds)
    {
        while (!holds())
            await Task.Delay(10, _patience.Token);
    }

    /// <summary>As much of a front as a sender sees.</summary>
    private sealed class Front : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Front() => _listener.Start();

        public EndPoint EndPoint => _listener.LocalEndpoint;

        /// <summary>True answers nobody; the system takes the connection all the same.</summary>
        public bool IsSilent { get; init; }

        public string Answer { get; set; } = RelayPort.TransportStream;

        public async Task<TcpClient> Accept(CancellationToken ct)
        {
            // Little room: what is not read stays with the sender.
            _listener.Server.ReceiveBufferSize = 64 * 1024;
            var client = await _listener.AcceptTcpClientAsync(ct);
            var one = new byte[1];
            do
                await client.GetStream().ReadExactlyAsync(one, ct);
            while (one[0] != '\n');
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(Answer + "\n"), ct);
            return client;
        }

        public void Dispose() => _listener.Dispose();
    }
}
