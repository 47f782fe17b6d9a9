using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>What is keyed out is transparent in outputs that hold that; read back by ffmpeg.</summary>
public sealed class AlphaTests : IDisposable
{
    private const int Side = 64;
    private const int Frames = 9;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("out.mov", "", "prores", 1)]
    [InlineData("out.mov", "codec qtrle", "qtrle", 0)]
    [InlineData("out.mkv", "codec ffv1", "ffv1", 0)]
    [InlineData("out.webm", "", "vp9", 12)]
    public void Run_Alpha_IsWhatTheKeyTakesOutAndColoursAreTheModels(string name, string codec, string written, int allowed)
    {
        var (keyed, whole) = (_folder.File(name), _folder.File("whole.mkv"));
        Run(Options(keyed, "at 0 key 00b400 tolerance 0.2").With("alpha true").With(codec.Length > 0 ? [codec] : []));
        Run(Options(whole, "at 0 seed 0").With("codec ffv1"));
        Assert.Contains(written, TestFolder.Command(
            "ffprobe", $"-v error -select_streams v -show_entries stream=codec_name -of csv=p=0 {keyed}"), StringComparison.Ordinal);
        // Green is the fourth of seven bars: its input is the colour, that of its neighbours is far from it.
        var alpha = Read(keyed, "alphaextract,format=gray", 1);
        Assert.Equal(Frames * Side * Side, alpha.Length);
        Assert.InRange(In(alpha, 1, 3).Max(), 0, allowed);
        Assert.InRange(In(alpha, 1, 5).Min(), 255 - allowed, 255);
        if (allowed > 1)
            return;
        // No green at the edges, and none behind: the colours are those of a run without a key.
        var (colours, expected) = (Read(keyed, "format=rgb24", 3), Read(whole, "format=rgb24", 3));
        Assert.InRange(Enumerable.Range(0, colours.Length).Average(i => Math.Abs(colours[i] - expected[i])), 0, 4);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_AlphaOfAStill_IsInThePngAndTheReplayOfASessionIsBitIdentical()
    {
        var still = _folder.Make("bars.png", $"-f lavfi -i smptebars=size={Side}x{Side} -frames:v 1");
        File.WriteAllText(_folder.File("timeline"), "at 0 key 00b400 tolerance 0.2\nat 0 mix 0.5");
        Run(RestyleOptions.Of(still, _folder.File("out.png")).With(
            "prompt neon", $"size {Side}x{Side}", "threads 1", "alpha true", $"timeline {_folder.File("timeline")}"));
        var alpha = Read(_folder.File("out.png"), "alphaextract,format=gray", 1);
        Assert.Equal((0, 255), (In(alpha, 1, 3).Max(), In(alpha, 1, 5).Min()));

        var options = Options("null:", "at frame 1 key 00b400\nat frame 5 pause").With("alpha true", $"log {_folder.File("log")}");
        Run(options);
        AssertReplay(Bars());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void LiveRun_Alpha_IsInItsRecordingAndTheReplayIsBitIdentical()
    {
        var (input, output) = ($"test:smptebars?size={Side}x{Side}&rate=16&duration=2", _folder.File("live.mkv"));
        File.WriteAllText(_folder.File("timeline"), "at 0 key 00b400 tolerance 0.2");
        LiveRestyle.Run(
            RestyleOptions.Of(input, output).With(
                "prompt neon", $"size {Side}x{Side}", "fps 16", "live true", "threads 1", "alpha true",
                $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}"),
            null, _ => { }, new Quiet<LiveStatus>(), CancellationToken.None);
        TestFolder.Command("ffmpeg", $"-v error -y -c:v libvpx-vp9 -i {output} -vf alphaextract,format=gray -f rawvideo {output}.raw");
        // What stands in before the first picture is there as a whole.
        var last = File.ReadAllBytes($"{output}.raw")[^(Side * Side)..];
        Assert.InRange(In(last, 1, 3).Max(), 0, 12);
        Assert.InRange(In(last, 1, 5).Min(), 243, 255);
        AssertReplay(input);
    }

    [Theory]
    [InlineData("out.mp4", "", "mp4 cannot hold transparency")]
    [InlineData("out.mkv", "codec libx264", "matroska with the codec libx264 cannot hold transparency")]
    [InlineData("out.mp4", "codec libvpx-vp9", "mp4 with the codec libvpx-vp9 cannot hold transparency")]
    [InlineData("out.jpg", "", "JPEG cannot hold transparency")]
    [InlineData("rtmp://127.0.0.1/live/key", "", "flv cannot hold transparency")]
    [InlineData("out.mov", "model passthrough", "alpha needs a model")]
    public void Check_OutputThatHoldsNone_IsRefusedBeforeTheRun(string output, string option, string problem)
    {
        var options = RestyleOptions.Of(Bars(), output.Contains("://", StringComparison.Ordinal) ? output : _folder.File(output))
            .With("prompt neon", "alpha true").With(option.Length > 0 ? [option] : []);
        Assert.Contains(problem, Assert.Single(RestyleOptionsValidator.Check(options, new ModelCatalog()).Problems),
            StringComparison.Ordinal);
    }

    private void AssertReplay(string input)
    {
        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(input, ["null:"]));
        Assert.True(session.Options.Output.HasAlpha);
        Run(session.Options, session);
        Assert.True(session.Compare().IsAsExpected, session.Compare().Text);
    }

    private string Bars() =>
        _folder.Make("bars.mkv", $"-f lavfi -i smptebars=size={Side}x{Side}:rate=30 -frames:v {Frames} -pix_fmt gbrp -c:v ffv1");

    private RestyleOptions Options(string output, string timeline)
    {
        File.WriteAllText(_folder.File("timeline"), timeline);
        return RestyleOptions.Of(Bars(), output).With(
            "prompt neon", $"size {Side}x{Side}", "threads 1", $"timeline {_folder.File("timeline")}");
    }

    private static void Run(RestyleOptions options, ReplayRun? replay = null) =>
        FileRestyle.Run(options, replay?.Controls, new Quiet<RestyleProgress>(), CancellationToken.None);

    // The decoder of FFmpeg itself leaves the transparency of VP9 out.
    private static byte[] Read(string file, string filter, int bytes)
    {
        var decoder = file.EndsWith(".webm", StringComparison.Ordinal) ? "-c:v libvpx-vp9 " : "";
        TestFolder.Command("ffmpeg", $"-v error -y {decoder}-i {file} -vf {filter} -f rawvideo {file}.raw");
        var read = File.ReadAllBytes($"{file}.raw");
        Assert.Equal(0, read.Length % (bytes * Side * Side));
        return read;
    }

    // Well inside of a bar of the upper half.
    private static List<int> In(byte[] picture, int bytes, int bar) =>
    [
        .. from i in Enumerable.Range(0, picture.Length)
           let x = i / bytes % Side / (double)Side
           let y = i / bytes / Side % Side
           where x > bar / 7.0 + 0.04 && x < (bar + 1) / 7.0 - 0.04 && y < Side / 2
           select (int)picture[i],
    ];

    private sealed class Quiet<T> : IProgress<T>
    {
        public void Report(T value)
        {
        }
    }
}
