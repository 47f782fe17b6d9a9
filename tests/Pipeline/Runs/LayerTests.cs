using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Pictures of the model over those that went in: shares, regions, colours, and what came out going in again.</summary>
public sealed class LayerTests : IDisposable
{
    private const int Side = 64;
    private const int Frames = 45;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_MixOfNothing_IsTheInputAndHalfLiesBetween()
    {
        var (input, made, half) = (Pixels("at 0 mix 0"), Pixels(null), Pixels("at 0 mix 0.5"));
        // As exact as a file is whose colours are stored for four pixels together.
        Assert.InRange(Enumerable.Range(0, input.Length).Average(i => Math.Abs(half[i] - (input[i] + made[i]) / 2.0)), 0, 1);
        var source = Source();
        Assert.InRange(Enumerable.Range(0, input.Length).Average(i => Math.Abs(source[i] - input[i])), 0, 3);
        Assert.True(Enumerable.Range(0, input.Length).Average(i => Math.Abs(source[i] - made[i])) > 20);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_ExactRegion_OutsideIsTheInputToTheLastBitAndInsideIsNot()
    {
        // Against a run that gives the input itself, written to the same kind of file.
        var (input, region) = (Pixels("at 0 mix 0"), Pixels("at 0 region rect 0.25 0.25 0.5 0.5 feather 0.1 exact"));
        var (inside, outside) = (new List<int>(), new List<int>());
        for (var i = 0; i < input.Length; i++)
        {
            var (x, y) = (i / 3 % Side / (double)Side, i / 3 / Side % Side / (double)Side);
            // The edge is a tenth of the height wide, half of it outside.
            if (x is < 0.18 or > 0.82 || y is < 0.18 or > 0.82)
                outside.Add(Math.Abs(input[i] - region[i]));
            else if (x is > 0.32 and < 0.68 && y is > 0.32 and < 0.68)
                inside.Add(Math.Abs(input[i] - region[i]));
        }
        Assert.Equal(0, outside.Max());
        Assert.True(inside.Average() > 10, $"{inside.Average()}");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_RegionOfLatents_OutsideIsWhatTheAutoencoderMakesOfTheInput()
    {
        var (input, made) = (Source(), Pixels(null));
        var region = Pixels("at 0 region ellipse 0.5 0.5 0.2 0.2 feather 0.05");
        // In the corner, away from what an autoencoder's neighbourhood mixes in.
        double Away(byte[] picture) => Enumerable.Range(0, input.Length)
            .Where(i => i / 3 % Side < 12 && i / 3 / Side % Side < 12).Average(i => Math.Abs(input[i] - picture[i]));
        Assert.True(Away(region) < 0.5 * Away(made), $"{Away(region):0.0} against {Away(made):0.0}");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Key_TheColourStaysAndTheRestIsPainted()
    {
        // Bars: the third from the left is yellow-green's neighbour cyan; green is the fourth of seven.
        var (input, keyed) = (Pixels("at 0 mix 0"), Pixels("at 0 key 00b400 tolerance 0.2"));
        int Differs(double from, double to) => Enumerable.Range(0, input.Length)
            .Where(i => i / 3 % Side / (double)Side is var x && x > from && x < to && i / 3 / Side % Side < Side / 2)
            .Max(i => Math.Abs(input[i] - keyed[i]));
        Assert.Equal(0, Differs(3 / 7.0 + 0.03, 4 / 7.0 - 0.03));
        Assert.True(Differs(5 / 7.0 + 0.03, 6 / 7.0 - 0.03) > 30);
    }

    [Fact]
    public void Run_AllOfThem_ReplayIsBitIdenticalAndNothingIsMissing()
    {
        var map = Convert.ToBase64String([0, 255, 255, 0, 128, 64]);
        File.WriteAllText(_folder.File("timeline"), $"""
            at frame 5   loopback 0.6 blend 2
            at frame 9   mix 0.7 blend 3 ease
            at frame 17  region map 3x2 {map} outside 0.2 exact
            at frame 25  loopback 0.3 delay 6
            at frame 29  region off
            at frame 29  key 00b400
            at frame 33  pause
            at frame 37  resume
            at frame 37  mix 1
            at frame 41  key off
            at frame 41  loopback 0
            """);
        var options = Options("a.mkv").With($"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        Assert.Equal(Frames, Run(options).Progress.FramesOut);
        var log = SessionLog.Read(options.Control.Log!);
        Assert.Equal(11, log.Changes.Count);
        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(options.Input.Address.Text, ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Loopback_ChangesThePictureFromItsDelayOn()
    {
        var (plain, looped) = (Digests(null, "plain"), Digests("at chunk 2 loopback 0.8", "looped"));
        // What goes in again at chunk 7 is what came out of chunk 2.
        Assert.Equal(plain[..7], looped[..7]);
        Assert.DoesNotContain(true, plain[7..].Zip(looped[7..], (a, b) => a == b));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_LoopbackOnRanks_ItsLogSaysHowFarItWentBackAndOneDeviceDoesTheSame()
    {
        File.WriteAllText(_folder.File("timeline"), "at chunk 1 loopback 0.8");
        var ranks = Options("ranks.mkv").With(
            "ranks cpu,cpu", "steps 1", "dtype float32", $"log {_folder.File("ranks")}", $"timeline {_folder.File("timeline")}");
        Run(ranks);
        var log = SessionLog.Read(ranks.Control.Log!);
        Assert.True(log.Changes.Select(c => c.Change).OfType<LoopbackChange>().Single().Delay > LoopbackChange.UsualDelay);
        var replay = LogReplay.Open(ranks.Control.Log!);
        using var session = replay.Begin(
            replay.Options(ranks.Input.Address.Text, [_folder.File("one.mkv")], keepsRanks: false).With("codec ffv1"));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.InRange(Rgb(ranks.File()).Zip(Rgb(session.Options.File()), (a, b) => Math.Abs(a - b)).Max(), 0, 2);
    }

    private byte[] Source()
    {
        var file = _folder.Make(
            "source.mkv", $"-f lavfi -i smptebars=size={Side}x{Side}:rate=30 -frames:v {Frames} -pix_fmt gbrp -c:v ffv1");
        return Rgb(file);
    }

    private byte[] Pixels(string? timeline)
    {
        var options = Options("out.mkv");
        if (timeline is not null)
        {
            File.WriteAllText(_folder.File("timeline"), timeline);
            options = options.With($"timeline {_folder.File("timeline")}");
        }
        Assert.Equal(Frames, Run(options).Progress.FramesOut);
        return Rgb(options.File());
    }

    private UInt128[] Digests(string? timeline, string name)
    {
        var options = Options("null:").With($"log {_folder.File(name)}");
        if (timeline is not null)
        {
            File.WriteAllText(_folder.File("timeline"), timeline);
            options = options.With($"timeline {_folder.File("timeline")}");
        }
        Run(options);
        return [.. SessionLog.Read(_folder.File(name)).Chunks.Select(c => c.Digest)];
    }

    private static byte[] Rgb(string file)
    {
        TestFolder.Command("ffmpeg", $"-v error -y -i {file} -pix_fmt rgb24 -f rawvideo {file}.raw");
        return File.ReadAllBytes($"{file}.raw");
    }

    private RestyleOptions Options(string output) =>
        RestyleOptions.Of(
            _folder.Make("bars.mkv", $"-f lavfi -i smptebars=size={Side}x{Side}:rate=30 -frames:v {Frames} -pix_fmt gbrp -c:v ffv1"),
            output == "null:" ? output : _folder.File(output))
            .With("prompt neon", $"size {Side}x{Side}", "threads 1", "codec ffv1");

    private static RestyleResult Run(RestyleOptions options) => FileRestyle.Run(options, new Quiet(), CancellationToken.None);

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
