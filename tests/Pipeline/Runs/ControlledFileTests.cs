using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>File runs whose settings change on the way.</summary>
public sealed class ControlledFileTests
{
    private const string Everything = """
        at frame 5   prompt "a blueprint" blend 3
        at frame 9   noise 0.5
        at frame 13  steps 4
        at frame 17  sinks 1 threshold 0.9
        at 0.57      seed 7
        at frame 25  pause
        at frame 29  resume
        at frame 33  prompt "neon" blend 2 spherical
        at frame 37  steps 1
        at chunk 10  steps 3
        at frame 45  sinks 4 threshold off
        """;

    private const int Frames = 52;

    // Ways, loops, beats, presets and weights: what is written are plain changes by chunk.
    private const string Scheduled = """
        at 0                          tempo 240
        at frame 5                    noise 0.6 blend 4 ease
        every 1beat from beat 1 to beat 5   seed next
        every 8frames from frame 9 to frame 40  prompt "(neon:1.4) street" blend 1beat spherical ease-in
        at beat 3                     preset neon blend 0.3s
        at frame 37                   noise 0.3 blend 2 ease-out
        """;

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Scheduled_IsWrittenAsPlainChangesAndReplayIsBitIdentical()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("timeline"), Scheduled);
        var options = Options(folder, "a.mkv").With($"timeline {folder.File("timeline")}", $"log {folder.File("log")}");
        Run(options, null);
        var log = SessionLog.Read(options.Control.Log!);
        var changes = log.Changes.Select(c => c.ToString()).ToList();
        Assert.Contains("chunk 1 (frame 5): noise 0.6 blend 4 ease", changes);
        Assert.Contains("chunk 6 (frame 25): noise 0.35 blend 3", changes);
        Assert.Contains("chunk 6 (frame 25): prompt \"neon\" blend 3", changes);
        Assert.Contains("chunk 2 (frame 9): prompt \"(neon:1.4) street\" blend 2 spherical ease-in", changes);
        Assert.Equal(
            [1L, 2, 3, 4], log.Changes.Select(c => c.Change).OfType<SeedChange>().Select(c => c.Seed - log.Header.Seed));

        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(options.Input.Address.Text, [folder.File("b.mkv")]).With("codec ffv1"));
        Run(session.Options, session.Controls);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
        Assert.Equal(TestFolder.FrameHash(options.File()), TestFolder.FrameHash(folder.File("b.mkv")));
    }

    [Fact]
    public void Run_EverythingChanges_EveryFrameOnceAndReplayIsBitIdentical() =>
        Run_InAMode_EverythingChanges_EveryFrameOnceAndReplayIsBitIdentical(DenoisingMode.StreamBatch, Everything);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(DenoisingMode.Sequential, Everything)]
    [InlineData(DenoisingMode.TextToVideo,
        "at frame 14 prompt \"neon\" blend 2\nat frame 25 seed 5\nat frame 28 pause\nat frame 40 resume")]
    public void Run_InAMode_EverythingChanges_EveryFrameOnceAndReplayIsBitIdentical(DenoisingMode mode, string timeline)
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("timeline"), timeline);
        var applied = new List<AppliedChange>();
        var controls = new StreamControls(isOpenEnded: false);
        controls.Applied += applied.Add;
        var options = Options(folder, "a.mkv").With(
            $"mode {OptionText.Word(mode)}", $"timeline {folder.File("timeline")}", $"log {folder.File("log")}");
        var result = Run(options, controls);
        Assert.Equal((Frames, Frames), (result.Progress.FramesIn, result.Progress.FramesOut));
        Assert.Equal(Frames, TestFolder.FrameTimes(options.File()).Count);

        var log = SessionLog.Read(options.Control.Log!);
        Assert.Null(log.Warning);
        Assert.Equal(applied, log.Changes);
        Assert.Equal(timeline.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, applied.Count);
        Assert.Equal(Enumerable.Range(0, Frames).Select(n => (long)n), log.Chunks.SelectMany(c => c.Sources));
        Assert.Equal(new LoggedEnd(log.Chunks.Count, Frames, false), log.End);

        var again = log.Header.ToOptions(options.Input.Address.Text, [folder.File("b.mkv")])
            .With("codec ffv1", $"log {folder.File("log2")}");
        Run(again, new StreamControls(log.ToTimeline(), isOpenEnded: false));
        Assert.Equal(TestFolder.FrameHash(options.File()), TestFolder.FrameHash(again.File()));
        Assert.Equal(log.Chunks.Select(c => c.Digest), SessionLog.Read(again.Control.Log!).Chunks.Select(c => c.Digest));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_ChangesGivenWhileItRuns_ReplayIsBitIdentical()
    {
        using var folder = new TestFolder();
        var controls = new StreamControls();
        string[] lines = ["prompt \"a blueprint\" blend 2 spherical", "noise 0.6", "sinks 2", "steps 3", "seed 9", "prompt \"neon\"",
            "steps 2", "sinks 4 threshold 0.95"];
        var given = 0;
        // Each change brings the next one: their chunks depend on how fast prompts are encoded, and only the log knows them.
        using var enough = new CancellationTokenSource();
        controls.Applied += _ => Give();
        void Give()
        {
            if (given < lines.Length)
                controls.Apply(ControlLine.ParseChange(lines[given++]));
            else
                enough.Cancel();
        }
        Give();
        // It ends once all of them have taken effect: the first prompt of a process takes as long as a hundred frames.
        var options = Options(folder, "a.mkv").With($"log {folder.File("log")}", "input test:testsrc2?size=64x64&rate=30&duration=600");
        FileRestyle.Run(options, controls, new Quiet(), enough.Token);
        var log = SessionLog.Read(options.Control.Log!);
        Assert.Equal(lines, log.Changes.Select(c => c.Change.ToString()));

        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(options.Input.Address.Text, [folder.File("b.mkv")]).With("codec ffv1"));
        Run(session.Options, session.Controls);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
        Assert.Equal(TestFolder.FrameHash(options.File()), TestFolder.FrameHash(session.Options.File()));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_PromptChangedAtOnce_TheFirstChunkOfItIsThatOfARunWithThatPrompt()
    {
        // The chunk before has no part of the new prompt, the chunk itself no part of the old one but for the cache.
        using var folder = new TestFolder();
        var (plain, changed) = (Digests(folder, null, "plain"), Digests(folder, "at frame 21 prompt \"neon\"", "changed"));
        Assert.Equal(plain[..5], changed[..5]);
        Assert.DoesNotContain(true, plain[5..].Zip(changed[5..], (a, b) => a == b));
    }

    [Fact]
    public void Run_Paused_HoldsTheFrameAndGoesOn()
    {
        using var folder = new TestFolder();
        var digests = Digests(folder, "at frame 21 pause\nat frame 33 resume", "paused");
        // The frames of a held chunk are the same: so are the digests of held chunks of the same length.
        Assert.Single(digests[5..8].Distinct());
        Assert.Equal(digests.Length - 2, digests.Distinct().Count());
        Assert.Equal(Digests(folder, null, "plain")[..5], digests[..5]);
    }

    [Fact]
    public void Run_TimelineAsksForWhatTheModelCannot_IsOneLine()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("timeline"), "at 1 sinks 6");
        var error = Assert.Throws<ControlException>(() => Run(Options(folder, "a.mkv").With($"timeline {folder.File("timeline")}"), null));
        Assert.Equal("timeline at 00:00:01: sinks (6) must be less than the window (5)", error.Message);
    }

    // Rows share ticks with others on ranks, so sums are taken in another order: the last bit of a byte may differ. The stream batch is in
    // the matrix of features.
    [Fact]
    [Trait("Category", "Slow")]
    public void Run_OnRanksSequentially_EverythingChanges_GivesTheFrameOfOneDeviceAndReplaysBitForBit()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("timeline"), Everything);
        var one = Options(folder, "one.mkv").With(
            "mode sequential", "dtype float32", $"timeline {folder.File("timeline")}");
        Run(one, null);
        var ranks = one.With($"output {folder.File("ranks.mkv")}", "ranks cpu,cpu", $"log {folder.File("log")}");
        Assert.Equal(Frames, Run(ranks, null).Progress.FramesOut);
        AssertAlike(one.File(), ranks.File());

        // Again on the ranks, and on one device, which keeps to the order of the ranks' ticks.
        var replay = LogReplay.Open(ranks.Control.Log!);
        foreach (var where in (string?[])["cpu,cpu", null])
        {
            using var session = replay.Begin(
                replay.Options(ranks.Input.Address.Text, [folder.File("again.mkv")], keepsRanks: where is not null).With("codec ffv1"));
            Run(session.Options, session.Controls);
            AssertAlike(ranks.File(), session.Options.File());
            if (where is not null)
                Assert.Contains("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Run_PlainAndControlled_SameSeed_GiveTheSameFrame()
    {
        using var folder = new TestFolder();
        var plain = Options(folder, "plain.mkv").With("dtype float32");
        Run(plain, null);
        // Open for every change, so with room for more lanes and sinks than the run uses.
        var open = plain.With($"output {folder.File("open.mkv")}", $"log {folder.File("log")}");
        Run(open, new StreamControls());
        AssertAlike(plain.File(), open.File());
    }

    private static void AssertAlike(string expected, string actual)
    {
        var (a, b) = (TestFolder.Pixels(expected), TestFolder.Pixels(actual));
        Assert.Equal(a.Length, b.Length);
        Assert.InRange(a.Zip(b, (x, y) => Math.Abs(x - y)).Max(), 0, 1);
    }

    private static UInt128[] Digests(TestFolder folder, string? timeline, string name)
    {
        if (timeline is not null)
            File.WriteAllText(folder.File("timeline"), timeline);
        var options = Options(folder, $"{name}.mkv").With(
            timeline is null ? null : $"timeline {folder.File("timeline")}", $"log {folder.File(name)}");
        Run(options, null);
        return [.. SessionLog.Read(options.Control.Log!).Chunks.Select(c => c.Digest)];
    }

    // Lossless, so that a hash of the file is one of the frames.
    private static RestyleOptions Options(TestFolder folder, string output) =>
        RestyleOptions.Of("test:testsrc2?size=64x64&rate=37&duration=1.4", folder.File(output))
            .With("prompt in the style of a sepia photograph", "size 64x64", "codec ffv1", "threads 1");

    private static RestyleResult Run(RestyleOptions options, StreamControls? controls) =>
        FileRestyle.Run(options, controls, new Quiet(), CancellationToken.None);

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
