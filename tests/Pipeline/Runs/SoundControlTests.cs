using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Runs whose picture follows their sound: low and high beats in turn, made by sox, over a picture that stands still.</summary>
public sealed class SoundControlTests : IDisposable
{
    // A low beat each second, a high one half a second later, from 0.7 s on: no whole number of chunks.
    private const double First = 0.7;
    private const double Between = 0.5;
    private const double Rate = 30;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_File_ThePictureChangesWithinAChunkOfEachBeatAndTheReplayNeedsNoSound()
    {
        var clip = Clip(4);
        File.WriteAllText(_folder.File("timeline"),
            "at 0 on sound.bass prompt \"neon\"\nat 0 on sound.treble prompt \"winter\"\nat 0 map sound.mid noise 0.25 0.3\n");
        var options = RestyleOptions.Of(clip, _folder.File("a.mkv")).With(
            "prompt winter", "size 64x64", "codec ffv1", "threads 1", "steps 1", $"timeline {_folder.File("timeline")}",
            $"log {_folder.File("log")}");
        Run(options);

        // In what is seen: neon is dark, winter is bright.
        var jumps = Jumps(options.File());
        var beats = Enumerable.Range(0, 7).Select(i => First + i * Between).ToList();
        Assert.True(beats.Count == jumps.Count, string.Join(' ', jumps));
        Assert.All(beats.Zip(jumps), p => Assert.InRange(p.Second - p.First, -4 / Rate, 4 / Rate));

        var log = SessionLog.Read(options.Control.Log!);
        Assert.DoesNotContain(log.Changes, c => c.Change is MapChange or TriggerChange);
        Assert.Equal(7, log.Changes.Count(c => c.Change is PromptChange));
        // The same pictures, silent.
        var silent = _folder.Make("silent.mkv", $"-i {clip} -an -c copy");
        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(silent, [_folder.File("b.mkv")]).With("codec ffv1"));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
    }

    // The machine may be too slow for the rate: then chunks have gaps before them, and a beat in a gap comes with the chunk behind it.
    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Live_TheChunkThatHoldsABeatChangesAndTheReplayNeedsNoSound()
    {
        var clip = Clip(6);
        File.WriteAllText(_folder.File("timeline"), "at 0 on sound.onset seed next\n");
        var options = RestyleOptions.Of(clip, "null:").With(
            "live true", "prompt winter", "size 64x64", "threads 1", "steps 1", $"timeline {_folder.File("timeline")}",
            $"log {_folder.File("log")}");
        LiveRestyle.Run(options, null, _ => { }, new Progress<StreamDiff.Pipeline.Live.LiveStatus>(), CancellationToken.None);
        var log = SessionLog.Read(options.Control.Log!);
        var seeds = log.Changes.Where(c => c.Change is SeedChange).ToList();
        Assert.NotEmpty(seeds);
        foreach (var change in seeds)
        {
            var chunk = log.Chunks[(int)change.Chunk].Sources;
            var before = change.Chunk == 0 ? 0 : log.Chunks[(int)change.Chunk - 1].Sources[^1];
            // Sound that is decoded a little later than its picture may come one chunk late.
            var (from, to) = ((before - 4) / Rate, (chunk[^1] + 1) / Rate);
            Assert.Contains(Enumerable.Range(0, 11), i => First + i * Between >= from - 0.02 && First + i * Between <= to + 0.02);
        }
        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(clip, ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
    }

    private string Clip(double seconds)
    {
        string Beats(string name, int pitch, double first) => _folder.File(name) is var file
            && TestFolder.Command("sox",
                $"-n -r 48000 -c 2 {file} synth 0.06 sine {pitch} gain -3 fade 0.002 0.06 0.01 pad 0 0.94 repeat 9 "
                    + $"pad {first} trim 0 {seconds}"
                    .Replace(',', '.')) is not null ? file : "";
        var (low, high) = (Beats("low.wav", 80, First), Beats("high.wav", 5000, First + Between));
        TestFolder.Command("sox", $"-m {low} {high} {_folder.File("beats.wav")}");
        return _folder.Make("clip.mkv",
            $"-f lavfi -i smptebars=size=64x64:rate={Rate}:duration={seconds} -i {_folder.File("beats.wav")} "
            + "-c:v ffv1 -c:a flac -shortest");
    }

    // Times at which the mean of the picture leaps, in seconds.
    private static List<double> Jumps(string file)
    {
        var pixels = TestFolder.Pixels(file);
        var frames = TestFolder.FrameTimes(file).Count;
        var size = pixels.Length / frames;
        var means = Enumerable.Range(0, frames).Select(f => pixels.AsSpan(f * size, size).ToArray().Average(b => (double)b)).ToList();
        var jumps = new List<double>();
        var (low, high) = (means.Skip(8).Min(), means.Skip(8).Max());
        var isHigh = means[8] > (low + high) / 2;
        for (var f = 8; f < frames; f++)
        {
            var now = isHigh ? means[f] > low + 0.35 * (high - low) : means[f] > low + 0.65 * (high - low);
            if (now != isHigh)
                jumps.Add(f / Rate);
            isHigh = now;
        }
        return jumps;
    }

    private static void Run(RestyleOptions options) => FileRestyle.Run(options, new Quiet(), CancellationToken.None);

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
