using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

/// <summary>Sessions on something that loses its caches between two passes that were chosen together, or has no room for more.</summary>
public sealed class SessionRecoveryTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task Sessions_OfTwoSizes_CachesLost_AllGoOnAndLoseNoFrame(int every)
    {
        using var model = LoadedModel.Open(TestOptions.OneThread);
        var own = model.Ticks;
        using var runner = new Losing(new LocalTickRunner(model.Transformer!), every);
        using var ticks = new TickQueue(runner);
        model.Ticks = ticks;
        try
        {
            var gate = new Gate(new Everything());
            using var host = new SessionHost(model, new HostOptions(), gate, new LiveClock(TimeProvider.System));
            var sessions = new List<(Session Session, GivenFrames GivenFrames)>();
            foreach (var width in (int[])[64, 80])
            {
                var frames = new GivenFrames();
                var request = TinyModel.Patient($"w{width}");
                sessions.Add((host.Start(request with { Size = (width, 64) }, frames.Add), frames));
            }
            foreach (var (session, _) in sessions)
            {
                tiny.Feed(session, 0, 29);
                session.Finish();
            }
            gate.IsOpen = true;
            foreach (var (session, frames) in sessions)
            {
                await session.Completed.WaitAsync(TinyModel.Patience);
                Assert.Equal(29, frames.Count);
                session.Dispose();
            }
            Assert.True(ticks.Recoveries > 0);
        }
        finally
        {
            model.Ticks = own;
        }
    }

    [Fact]
    public async Task Ladder_NoMemoryForASmallerSize_SaysSoAndGoesOn()
    {
        using var model = LoadedModel.Open(TestOptions.OneThread);
        var own = model.Ticks;
        using var runner = new Losing(new LocalTickRunner(model.Transformer!), every: 1 << 30);
        using var ticks = new TickQueue(runner);
        model.Ticks = ticks;
        try
        {
            var time = new HandClock();
            var (news, frames) = (new ConcurrentQueue<LiveEvent>(), new GivenFrames());
            var gate = new Gate(TinyModel.Together());
            using var host = new SessionHost(model, new HostOptions(), gate, new LiveClock(time), news.Enqueue);
            using var session = host.Start(
                TinyModel.Patient("one") with
                {
                    Size = (128, 128),
                    KeepsAll = false,
                    Slo = new SessionSlo { Ladder = [Degradation.LowerResolution] },
                },
                frames.Add);
            runner.Making = () => throw new DeviceException("CUDA out of memory");
            tiny.Feed(session, 0, 5, time.Now);
            time.GoOn(TimeSpan.FromSeconds(3));
            gate.IsOpen = true;
            await TinyModel.Until(() =>
            {
                time.GoOn(TimeSpan.FromMilliseconds(100));
                return news.Any(n => n.State == "degraded");
            });
            Assert.EndsWith("; there is no memory left for it, size and VAE stay as they are",
                news.Single(n => n.State == "degraded").Text, StringComparison.Ordinal);
            Assert.Empty(session.Statistics.Degraded);
            tiny.Feed(session, 5, 4, time.Now);
            await TinyModel.Until(() => frames.Count == 9);
        }
        finally
        {
            model.Ticks = own;
        }
    }

    private sealed class DeviceException(string message) : ExternalException(message);

    /// <summary>All rows of all streams at once, which no pass can hold.</summary>
    private sealed class Everything : IBatchPolicy
    {
        public string Name => "everything";

        public TickDecision Next(SchedulerView view)
        {
            var rows = view.Streams.SelectMany(s => s.Ready.Select((_, row) => (s.Stream, row))).ToList();
            return rows.Count > 0 ? TickDecision.Run(rows, "all") : TickDecision.Idle;
        }
    }

    /// <summary>A device that forgets everything at each so-manyth tick.</summary>
    private sealed class Losing(LocalTickRunner device, int every) : ITickRunner
    {
        private readonly List<LanePool> _pools = [];
        private int _issued;

        public Device Device => device.Device;

        public int MostInFlight => device.MostInFlight;

        public bool CanLoseCaches => true;

        /// <summary>Called before lanes are made: where a test makes it fail.</summary>
        public Action? Making { get; set; }

        public Action? Progress
        {
            set => device.Progress = value;
        }

        public LanePool CreatePool(DenoiserOptions shape, int lanes)
        {
            Making?.Invoke();
            _pools.Add(device.CreatePool(shape, lanes));
            return _pools[^1];
        }

        public IPrompt Encode(Tensor embeddings, Models.Loras.LoraStrengths? loras = null) => device.Encode(embeddings, loras);

        // A chunk and the streams' contexts must get through in between.
        public void Issue(TickWork tick)
        {
            if (++_issued > 8 && _issued % (8 + every) == 0)
                throw new TicksLostException("forgotten");
            device.Issue(tick);
        }

        public Tensor? Collect(bool wait) => device.Collect(wait);

        public void Recover()
        {
            // Of a size whose last session is over, nothing is left.
            _pools.RemoveAll(pool => pool.Caches!.Block(0).Keys.IsInvalid);
            foreach (var pool in _pools)
                for (var lane = 0; lane < pool.Lanes; lane++)
                    pool.Caches!.ClearLane(lane);
        }

        public void Dispose() => device.Dispose();
    }
}
