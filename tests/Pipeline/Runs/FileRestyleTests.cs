using StreamDiff.Models;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Runs;

public sealed class FileRestyleTests
{
    private static readonly (int, int) Small = (96, 64);

    [Theory]
    [InlineData(1, 2, DenoisingMode.StreamBatch)]
    [InlineData(3, 1, DenoisingMode.StreamBatch)]
    [InlineData(6, 2, DenoisingMode.Sequential)]
    [InlineData(9, 4, DenoisingMode.Sequential)]
    [InlineData(23, 4, DenoisingMode.StreamBatch)]
    [InlineData(1, 2, DenoisingMode.TextToVideo)]
    [InlineData(25, 2, DenoisingMode.TextToVideo)]
    public void Run_AnyLength_GivesEveryFrameOnceAtItsTime(int frames, int steps, DenoisingMode mode)
    {
        using var folder = new TestFolder();
        var input = folder.Make("in.mp4", $"-f lavfi -i testsrc2=size=128x96:rate=25 -frames:v {frames} -pix_fmt yuv420p");
        var result = Run(folder, input, o => o with { Sampling = o.Sampling with { Steps = steps, Mode = mode } });
        Assert.Equal((frames, frames), (result.Progress.FramesIn, result.Progress.FramesOut));
        Assert.Equal(TestFolder.FrameTimes(input), TestFolder.FrameTimes(folder.File("out.mp4")));
    }

    [Fact]
    public void Run_VariableFrameRate_KeepsTheTimes()
    {
        using var folder = new TestFolder();
        var input = folder.Make(
            "in.mkv", "-f lavfi -i testsrc2=size=128x96:rate=25 -frames:v 20 -vf \"setpts='(N+floor(N/3)*2)/25/TB'\" -fps_mode vfr");
        Run(folder, input);
        Assert.Equal(Seconds(input), Seconds(folder.File("out.mp4")));

        static IEnumerable<double> Seconds(string file) =>
            TestFolder.FrameTimes(file).Select(t => Math.Round(double.Parse(t, System.Globalization.CultureInfo.InvariantCulture), 2));
    }

    [Theory]
    [InlineData("mp4", "aac")]
    [InlineData("webm", "opus")]
    public void Run_WithSound_KeepsOrTranscodesIt(string container, string codec)
    {
        using var folder = new TestFolder();
        var input = folder.Make(
            "in.mp4", "-f lavfi -i testsrc2=size=128x96:rate=10 -f lavfi -i sine=frequency=440 -t 2 -c:a aac -pix_fmt yuv420p");
        Run(folder, input, o => o.With($"output {folder.File($"out.{container}")}", "steps 1"));
        var sound = TestFolder.Command(
            "ffprobe",
            $"-v error -select_streams a -show_entries stream=codec_name,start_time:format=duration -of csv=p=0 "
            + $"{folder.File($"out.{container}")}");
        Assert.StartsWith(codec, sound, StringComparison.Ordinal);
        Assert.InRange(double.Parse(sound.Split('\n')[1], System.Globalization.CultureInfo.InvariantCulture), 1.9, 2.1);
    }

    [Theory]
    [InlineData("rotated.mp4", "-f lavfi -i testsrc2=size=128x64:rate=5 -t 1 -pix_fmt yuv420p", true)]
    [InlineData("odd.mkv", "-f lavfi -i testsrc2=size=131x77:rate=5 -t 1 -pix_fmt yuv444p", false)]
    [InlineData("deep.mkv", "-f lavfi -i testsrc2=size=128x96:rate=5 -t 1 -pix_fmt yuv420p10le -c:v libx265 -x265-params log-level=none",
        false)]
    public void Run_UnusualVideo_Works(string name, string arguments, bool rotate)
    {
        using var folder = new TestFolder();
        var input = folder.Make(rotate ? "plain.mp4" : name, arguments);
        if (rotate)
            input = folder.Make(name, $"-i {input} -c copy -metadata:s:v:0 rotate=90") is var turned ? turned : input;
        Assert.Equal(5, Run(folder, input, o => o.With("steps 1")).Progress.FramesOut);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_DamagedInTheMiddle_KeepsWhatCanBeDecoded()
    {
        using var folder = new TestFolder();
        var input = folder.Make("in.mp4", "-f lavfi -i testsrc2=size=128x96:rate=25 -frames:v 60 -pix_fmt yuv420p -g 10");
        var bytes = File.ReadAllBytes(input);
        new Random(1).NextBytes(bytes.AsSpan(bytes.Length / 2, 2000));
        File.WriteAllBytes(input, bytes);
        var result = Run(folder, input, o => o.With("steps 1"));
        Assert.InRange(result.Progress.FramesOut, 20, 60);
        Assert.Equal(result.Progress.FramesOut, TestFolder.FrameTimes(folder.File("out.mp4")).Count);
    }

    [Fact]
    public void Run_SameSeed_GivesTheSameFrames_AnotherSeedOthers()
    {
        using var folder = new TestFolder();
        string Hash(long seed)
        {
            Run(folder, "test:testsrc2?size=128x96&rate=8&duration=1", o => o.With($"seed {seed}"));
            return TestFolder.FrameHash(folder.File("out.mp4"));
        }
        var first = Hash(1);
        Assert.Equal(first, Hash(1));
        Assert.NotEqual(first, Hash(2));
    }

    [Theory]
    [InlineData(RopeMode.Relative)]
    [InlineData(RopeMode.Published)]
    public void Run_Cancelled_LeavesAPlayableFile(RopeMode rope)
    {
        using var folder = new TestFolder();
        using var stop = new CancellationTokenSource();
        var options = Options(folder, "test:testsrc2?size=128x96&rate=30&duration=600").With($"rope {rope}", "steps 1");
        var result = FileRestyle.Run(options, new Handler(p => { if (p.FramesOut > 20) stop.Cancel(); }), stop.Token);
        Assert.True(result.Cancelled);
        Assert.InRange(result.Progress.FramesOut, 21, 17_000);
        Assert.Equal(result.Progress.FramesOut, TestFolder.FrameTimes(options.File()).Count);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("text")]
    [InlineData("sound")]
    [InlineData("header")]
    public void Run_NotAVideo_SaysSoInOneLine(string kind)
    {
        using var folder = new TestFolder();
        var input = folder.File("in.mp4");
        switch (kind)
        {
            case "empty":
                File.WriteAllBytes(input, []);
                break;
            case "text":
                File.WriteAllText(input, "this is no video\n");
                break;
            case "sound":
                folder.Make("in.mp4", "-f lavfi -i sine=frequency=440 -t 1 -c:a aac");
                break;
            case "header":
                File.WriteAllBytes(input,
                    File.ReadAllBytes(folder.Make("whole.mp4", "-f lavfi -i testsrc2=size=128x96:rate=5 -t 1"))[..200]);
                break;
        }
        var error = Assert.Throws<MediaException>(() => Run(folder, input));
        Assert.Contains("in.mp4", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Run_OutputFolderMissing_SaysSo()
    {
        using var folder = new TestFolder();
        Assert.Throws<MediaException>(
            () => Run(folder, "test:testsrc2?duration=1", o => o.With($"output {folder.File("no/such/out.mp4")}")));
    }

    [Fact]
    public void Run_VaeThatTheModelLacks_SaysWhichItHas()
    {
        using var folder = new TestFolder();
        Assert.Contains("taehv",
            Assert.Throws<ModelException>(() => Run(folder, "test:testsrc2?duration=1", o => o.With("vae wan"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ContactSheet_IsWritten()
    {
        using var folder = new TestFolder();
        Run(folder, "test:scene?size=128x96&rate=8&duration=2", o => o.With($"contact-sheet {folder.File("sheet.png")}", "steps 1"));
        var size = TestFolder.Command("ffprobe", $"-v error -show_entries stream=width,height -of csv=p=0 {folder.File("sheet.png")}");
        Assert.Equal("396,132", size.Trim());
    }

    private static RestyleOptions Options(TestFolder folder, string input) =>
        RestyleOptions.Of(input, folder.File("out.mp4")).With("prompt a test") with { Frame = new() { Size = Small } };

    private static RestyleResult Run(TestFolder folder, string input, Func<RestyleOptions, RestyleOptions>? change = null)
    {
        var options = Options(folder, input);
        return FileRestyle.Run(change?.Invoke(options) ?? options, new Handler(_ => { }), CancellationToken.None);
    }

    private sealed class Handler(Action<RestyleProgress> report) : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value) => report(value);
    }
}
