using System.Collections.Concurrent;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Live runs whose settings change on the way.</summary>
public sealed class LiveControlTests(ITestOutputHelper output)
{
    private const double Rate = 32;

    [Fact]
    public async Task Session_PromptChanged_TheNextChunkFollowsItAndNoFrameIsMissing()
    {
        using var run = new Bench(new StreamControls());
        // The first chunk takes longest: a stream that has not begun would take the change with it.
        run.Feed(13);
        run.WaitFor(0);
        run.Feed(24);
        var change = run.Controls.Apply(new PromptChange("neon"));
        // How long a prompt takes to encode is the machine's affair; from then on the next chunk follows it.
        await run.Controls.Prepared;
        // A busy machine drops frames; those that the stream takes are counted.
        var (fed, shown) = (run.Fed - run.Dropped, run.Shown.Count);
        run.Feed(40);
        // On a busy machine only few of them are taken, and a chunk comes out when others follow it.
        while (run.Fed < 500 && !(change.Effect.IsCompleted && run.Shown.Count > (await change.Effect).Frame))
            run.Feed(4);
        var applied = await change.Effect;
        run.WaitFor(applied.Frame);
        output.WriteLine(
            $"command after {fed} frames in and {shown} out; chunk {applied.Chunk}, first frame {applied.Frame}: {applied.Frame - fed} "
            + $"frames taken later, {applied.Frame - shown} frames of the old prompt shown after the command");
        // Counted from the frames fed: at most five chunks under way, four frames waiting, a chunk that fills, and the one in hand.
        Assert.InRange(applied.Frame - fed, -8 * 4, 3 * 4);
        var numbers = run.Shown.Select(f => f.Number).ToArray();
        if (run.Dropped == 0)
            Assert.Equal(Enumerable.Range(0, numbers.Length).Select(n => (long)n), numbers);
        Assert.Equal(numbers.Distinct().Order(), numbers);
        Assert.All(run.Shown, f => Assert.True(f.IsFrame, $"frame {f.Number} is black"));
    }

    [Fact]
    public void Session_StepsAndPauseChange_EveryFrameComesOutOnce()
    {
        var controls = new StreamControls(new Timeline(
        [
            new(new TimelinePoint(Chunk: 3), new StepsChange(4)), new(new TimelinePoint(Chunk: 7), new StepsChange(1)),
            new(new TimelinePoint(Chunk: 9), new PauseChange(true)),
            new(new TimelinePoint(Chunk: 11), new PauseChange(false)), new(new TimelinePoint(Chunk: 12), new StepsChange(3)),
        ]));
        using var run = new Bench(controls);
        run.Feed(73);
        // A busy machine drops frames, and the chunk of the last change comes later.
        while (controls.Waiting > 0 && run.Fed < 500)
            run.Feed(4);
        // All but a chunk that is not full and those that its three steps keep under way.
        run.WaitFor(run.Fed - run.Dropped - 3 - 2 * 4 - 1);
        var numbers = run.Shown.Select(f => f.Number).ToArray();
        Assert.Equal(numbers.Distinct().Order(), numbers);
        Assert.Equal(0, controls.Waiting);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void LiveRun_Recorded_ReplayFromTheSameFramesIsBitIdentical()
    {
        using var folder = new TestFolder();
        var input = "test:testsrc2?size=128x96&rate=16&duration=2.5";
        var controls = new StreamControls(
            new Timeline([new(new TimelinePoint(Frame: 21), new PromptChange("neon", 3)),
                new(new TimelinePoint(Chunk: 7), new StepsChange(3))]));
        controls.Apply(new SeedChange(4));
        var log = folder.File("log");
        var options = RestyleOptions.Of(input, folder.File("live.mkv"))
            .With("prompt sepia", "size 96x64", "fit letterbox", "fps 16", "live true", "threads 1", $"log {log}");
        LiveRestyle.Run(options, controls, _ => { }, new Quiet<LiveStatus>(), CancellationToken.None);

        var replay = LogReplay.Open(log);
        Assert.True(replay.Log.Header.IsLive);
        Assert.Null(replay.Log.Warning);
        Assert.InRange(replay.Log.Chunks.Count, 2, 16);
        using var session = replay.Begin(replay.Options(input, ["null:"]));
        var result = FileRestyle.Run(session.Options, session.Controls, new Quiet<RestyleProgress>(), CancellationToken.None);
        Assert.Equal(replay.Log.Chunks.Sum(c => c.Sources.Length), result.Progress.FramesOut);
        // The bars at the left and at the right, but for what the encoder spreads.
        foreach (var frame in LetterboxTests.Read(options.File()))
            for (var y = 0; y < 64; y++)
                Assert.True(frame.AsSpan(96 * 3 * y, 4 * 3).IndexOfAnyInRange((byte)32, (byte)255) < 0, $"row {y} of a bar is not black");
        Assert.Equal($"{replay.Log.Chunks.Count} chunks, {result.Progress.FramesOut} frames: identical to the session bit for bit",
            session.Compare().Text);
    }

    /// <summary>A live session that is fed by hand at 32 frames a second.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly FramePool _pool = new();
        private readonly LoadedModel _model;
        private readonly SessionHost _host;
        private readonly Session _session;

        public Bench(StreamControls controls)
        {
            using var inference = inference_mode();
            Controls = controls;
            _model = LoadedModel.Open(TestOptions.OneThread);
            _host = new SessionHost(
                _model, new HostOptions { Lanes = 4, Workers = 2 }, new FixedStreamBatch(), new LiveClock(TimeProvider.System));
            var slo = new SessionSlo { Deadline = TimeSpan.FromDays(1), Ladder = [] };
            var request = new SessionRequest("run", new SamplingOptions { Prompt = "sepia" }, (64, 64), slo) { Controls = controls };
            _session = _host.Start(request, Take);
        }

        public StreamControls Controls { get; }

        public ConcurrentQueue<(long Number, bool IsFrame)> Shown { get; } = new();

        public int Fed { get; private set; }

        public long Dropped => _session.Lost;

        public void Feed(int frames)
        {
            for (var i = 0; i < frames; i++)
            {
                var due = TimeSpan.FromSeconds(Fed / Rate);
                var wait = due - _host.Clock.Now;
                if (wait > TimeSpan.Zero)
                    Thread.Sleep(wait);
                var frame = VideoFrame.Rent(_pool, 64, 64);
                for (var p = 0; p < frame.Pixels.Length; p++)
                    frame.Pixels[p] = (byte)(p / 3 % 64 * 3 + Fed * 5);
                frame.Index = Fed++;
                _session.Offer(frame, due);
            }
        }

        public void WaitFor(long shown)
        {
            for (var patience = 60_000; Shown.Count <= shown; patience--)
            {
                Assert.True(patience > 0, $"{Shown.Count} of {shown} frames came out");
                Assert.Null(_session.Fault);
                Thread.Sleep(10);
            }
        }

        public void Dispose()
        {
            _session.Dispose();
            _host.Dispose();
            _model.Dispose();
            _pool.Dispose();
        }

        private void Take(FinishedFrame finished)
        {
            using (finished.Frame)
                Shown.Enqueue((finished.Frame.Index, finished.Frame.Pixels.IndexOfAnyInRange((byte)16, (byte)255) >= 0));
        }
    }

    private sealed class Quiet<T> : IProgress<T>
    {
        public void Report(T value)
        {
        }
    }
}
