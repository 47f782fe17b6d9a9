using Microsoft.Extensions.Time.Testing;
using StreamDiff.Models.Cuda;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

/// <summary>Ticks on a device that computes them after they were collected, as a GPU does.</summary>
public sealed class DeviceTimesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly TickShape Shape = new(2, 1, 16, 4);

    [Fact]
    public void Times_OfTicksBehindEachOther_AreDistancesOfTheirEnds_AndTheNextIsExpected()
    {
        var time = new FakeTimeProvider();
        var clock = new LiveClock(time);
        var times = new DeviceTimes(clock);
        var took = new List<double>();
        var device = new Device(time);

        Issue(ends: 20);
        Assert.True(times.IsBusy);
        // A kind that was never measured is waited for.
        Assert.Equal(20, times.Free().TotalMilliseconds);
        Issue(ends: 50);
        Assert.Equal(40, times.Free().TotalMilliseconds);
        Issue(ends: 80);
        times.Finish(most: 1);
        Assert.Equal(50, clock.Now.TotalMilliseconds);
        times.Finish(most: 0);
        Assert.False(times.IsBusy);
        Assert.Equal(clock.Now, times.Free());
        // One by itself is not behind the last.
        time.Advance(TimeSpan.FromMilliseconds(1000));
        Issue(ends: 1090, starts: 1080);
        times.Finish(most: 0);
        Assert.Equal([20.0, 30.0, 30.0, 10.0], took);
        times.Forget();
        Assert.Equal(0, device.Marks);

        void Issue(int ends, int? starts = null) => times.Add(
            Shape, clock.Now, times.IsBusy, device.Mark(starts ?? (int)clock.Now.TotalMilliseconds), device.Mark(ends),
            t => took.Add(t.TotalMilliseconds));
    }

    [Fact]
    public async Task Sessions_OnADeviceThatComputesBehindTheHost_GetEveryFrame_AndAtMostOneTickWaits()
    {
        using var model = LoadedModel.Open(TestOptions.OneThread);
        // A host that is kept from the processor for longer than a tick never issues one while another is computed.
        for (var tick = TimeSpan.FromMilliseconds(150); ; tick *= 8)
        {
            var longest = await LongestWait(model, tick);
            Assert.InRange(longest, TimeSpan.Zero, tick);
            if (longest > TimeSpan.Zero)
                return;
            Assert.True(tick < TimeSpan.FromSeconds(5), "no tick ever waited for another");
        }
    }

    // The most that was still to be computed when another tick was issued.
    private async Task<TimeSpan> LongestWait(LoadedModel model, TimeSpan tick)
    {
        var own = model.Ticks;
        using var runner = new Behind(new LocalTickRunner(model.Transformer!), tick);
        using var ticks = new TickQueue(runner);
        model.Ticks = ticks;
        try
        {
            var latency = new LatencyModel(new LatencyTerms(0.002, 0, 0, 0, 0));
            var policy = new DeadlineBatchPolicy(latency);
            using (var host = new SessionHost(model, new HostOptions(), policy, new LiveClock(TimeProvider.System)))
            {
                var given = new List<GivenFrames>();
                var sessions = new List<Session>();
                foreach (var name in (string[])["a", "b"])
                {
                    given.Add(new GivenFrames());
                    sessions.Add(host.Start(TinyModel.Patient(name), given[^1].Add));
                    tiny.Feed(sessions[^1], 0, 13);
                    sessions[^1].Finish();
                }
                foreach (var session in sessions)
                    await session.Completed.WaitAsync(TinyModel.Patience);
                Assert.All(given, frames => Assert.Equal(13, frames.Count));
                sessions.ForEach(s => s.Dispose());
            }
            Assert.Equal(0, runner.Marks);
            return runner.Longest;
        }
        finally
        {
            model.Ticks = own;
        }
    }

    // What is marked is reached at a time of its own.
    private sealed class Device(FakeTimeProvider time)
    {
        private readonly FakeTimeProvider _time = time;
        private readonly DateTimeOffset _start = time.GetUtcNow();

        public int Marks { get; private set; }

        public IDeviceMark Mark(int at)
        {
            Marks++;
            return new At(this, at);
        }

        private sealed class At(Device device, int at) : IDeviceMark
        {
            private double Now => (device._time.GetUtcNow() - device._start).TotalMilliseconds;

            private int Place => at;

            public bool IsReached => Now >= at;

            public void Wait()
            {
                if (Now < at)
                    device._time.Advance(TimeSpan.FromMilliseconds(at - Now));
            }

            public TimeSpan Since(IDeviceMark earlier) => TimeSpan.FromMilliseconds(at - ((At)earlier).Place);

            public void Dispose() => device.Marks--;
        }
    }

    /// <summary>A device whose ticks are over long after they were collected, and that says of each that it took next to nothing.</summary>
    private sealed class Behind(LocalTickRunner device, TimeSpan time) : ITickRunner
    {
        private readonly LiveClock _clock = new(TimeProvider.System);
        private TimeSpan _free;

        public int Marks { get; private set; }

        /// <summary>The most that was still to be computed when another tick was issued.</summary>
        public TimeSpan Longest { get; private set; }

        public TorchSharp.torch.Device Device => device.Device;

        public int MostInFlight => device.MostInFlight;

        public Action? Progress
        {
            set => device.Progress = value;
        }

        public LanePool CreatePool(DenoiserOptions shape, int lanes) => device.CreatePool(shape, lanes);

        public IPrompt Encode(Tensor embeddings, LoraStrengths? loras = null) => device.Encode(embeddings, loras);

        public void Issue(TickWork tick)
        {
            if (_free - _clock.Now is var left && left > Longest)
                Longest = left;
            device.Issue(tick);
            _free = (_free > _clock.Now ? _free : _clock.Now) + time;
        }

        public Tensor? Collect(bool wait) => device.Collect(wait);

        public IDeviceMark Mark()
        {
            Marks++;
            return new Place(this, _free);
        }

        public void Dispose() => device.Dispose();

        private sealed class Place(Behind owner, TimeSpan at) : IDeviceMark
        {
            public bool IsReached => owner._clock.Now >= at;

            public void Wait()
            {
                while (!IsReached)
                    Thread.Sleep(1);
            }

            public TimeSpan Since(IDeviceMark earlier) => TimeSpan.FromMilliseconds(1);

            public void Dispose() => owner.Marks--;
        }
    }
}
