using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Long runs: cuts, drift, and the memory of the beginning that is let go.</summary>
public sealed class SteadinessTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Cuts_RefreshTheSinksAtEachOfThemAndTheReplayIsBitIdentical()
    {
        // Three scenes of two seconds: cuts at frames 60 and 120, the last of chunks 14 and 29.
        var clip = _folder.Make(
            "cuts.mkv",
            "-f lavfi -i testsrc2=size=64x64:rate=30:duration=2 -f lavfi -i smptebars=size=64x64:rate=30:duration=2 "
            + "-f lavfi -i mandelbrot=size=64x64:rate=30 -filter_complex \"[0][1][2]concat=n=3,format=gbrp\" -t 6 -c:v ffv1");
        File.WriteAllText(_folder.File("timeline"), "at 0 on picture.cut refresh");
        var options = RestyleOptions.Of(clip, "null:").With(
            "prompt sepia film", "size 64x64", "threads 1", $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        Run(options);
        var log = SessionLog.Read(options.Control.Log!);
        Assert.Equal([14L, 29], log.Changes.Where(c => c.Change is RefreshChange).Select(c => c.Chunk));
        // Another memory is another picture.
        var plain = RestyleOptions.Of(clip, "null:").With(
            "prompt sepia film", "size 64x64", "threads 1", "sink-threshold -1", $"log {_folder.File("plain")}");
        Run(plain);
        Assert.NotEqual(SessionLog.Read(plain.Control.Log!).Chunks[^1].Digest, log.Chunks[^1].Digest);

        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(clip, ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_ManyCuts_SeesTheLastAsWellAsTheFirst()
    {
        var clip = _folder.Make(
            "many.mkv",
            "-f lavfi -i testsrc2=size=64x64:rate=30 -f lavfi -i smptebars=size=64x64:rate=30 -filter_complex "
            + "\"[0][1]overlay=enable='lt(mod(n\\,24)\\,12)',format=gbrp\" -t 8 -c:v ffv1");
        File.WriteAllText(_folder.File("timeline"), "at 0 on picture.cut seed next");
        var options = RestyleOptions.Of(clip, "null:").With(
            "prompt sepia film", "size 64x64", "steps 1", "threads 1",
            $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        Run(options);
        // Every twelve frames, in every third chunk.
        Assert.Equal(19, SessionLog.Read(options.Control.Log!).Changes.Count(c => c.Change is SeedChange));
    }

    [Fact]
    public void Add_PicturesThatFade_DriftAndAnotherSceneDoesNot()
    {
        var monitor = new DriftMonitor();
        PictureLook scene = new(0.4, 0.5, 0.6, 0.2, 0.05), other = new(0.7, 0.3, 0.2, 0.1, 0.02), style = new(0.1, 0, -0.1, 0.02, 0.01);
        for (var i = 0; i < 100; i++)
            monitor.Add(scene, scene + style);
        Assert.InRange(monitor.Drift!.Value, 0, 0.01);
        for (var i = 0; i < 100; i++)
            monitor.Add(other, other + style);
        Assert.InRange(monitor.Drift!.Value, 0, 0.01);
        // Softer and softer.
        for (var i = 0; i < 200; i++)
            monitor.Add(scene, scene + style - new PictureLook(0, 0, 0, 0, 0.0002 * i));
        Assert.InRange(monitor.Drift!.Value, 0.7, 1);
        monitor.Restart();
        Assert.Null(monitor.Drift);
    }

    private static void Run(RestyleOptions options) => FileRestyle.Run(options, new Quiet(), CancellationToken.None);

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
