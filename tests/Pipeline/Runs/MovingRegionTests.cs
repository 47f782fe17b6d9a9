using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Following;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Regions that follow a mask or a face; the log has what was made of them, and a replay needs neither.</summary>
public sealed class MovingRegionTests : IDisposable
{
    private const int Side = 64;
    private const int Frames = 21;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_MaskThatChangesSides_EachFrameKeepsTheOtherSideAndTheReplayNeedsNoMask() => AssertMaskChangesSides("");

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_MaskThatChangesSidesOnRanks_EachFrameKeepsTheOtherSideAndTheReplayNeedsNoMask() =>
        AssertMaskChangesSides("ranks cpu,cpu");

    private void AssertMaskChangesSides(string ranks)
    {
        // Two frames, over and over: white on the left, white on the right.
        var mask = Halves("mask.mkv", 2);
        var (input, masked) = (Pixels("at 0 mix 0"), Pixels($"at 0 region mask {mask} exact", ranks));
        for (var frame = 0; frame < Frames; frame++)
        {
            var (left, right) = (Differs(input, masked, frame, isLeft: true), Differs(input, masked, frame, isLeft: false));
            Assert.Equal(0, (frame % 2 == 0 ? right : left).Max());
            Assert.True((frame % 2 == 0 ? left : right).Average() > 10, $"frame {frame}: {left.Average()}, {right.Average()}");
        }
        var log = SessionLog.Read(_folder.File("log"));
        // Five frames, then four that are the same ones in each chunk.
        Assert.Equal([5, 4], log.Changes.Select(c => ((RegionChange)c.Change).Map!.Frames));
        File.Delete(mask);
        AssertReplay();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_MaskThatIsHeld_StaysAsItsLastFrameAndAnotherRegionEndsIt()
    {
        _ = Pixels($"at 0 region mask {Halves("mask.mkv", 3)} hold inside 0.8 outside 0.1\nat frame 13 region off");
        var regions = SessionLog.Read(_folder.File("log")).Changes.Select(c => ((RegionChange)c.Change).Map).ToList();
        // The first three frames in the first chunk, the last of them after it.
        Assert.Equal([5, 1, 0], regions.Select(r => r?.Frames ?? 0));
        Assert.All(regions.Take(2), r => Assert.Equal((0.8, 0.1, false), (r!.Inside, r.Outside, r.IsExact)));
        Assert.InRange(regions[1]!.Covers(0.25, 0.5, 1), 0.95, 1);
        Assert.InRange(regions[1]!.Covers(0.75, 0.5, 1), 0, 0.05);
        AssertReplay();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void LiveRun_MaskBesideIt_ReplayFromTheSameFramesIsBitIdentical()
    {
        File.WriteAllText(_folder.File("timeline"), "at 0 region mask \"test:mandelbrot?size=96x54&rate=16\" exact");
        var input = "test:testsrc2?size=96x64&rate=16&duration=2";
        LiveRestyle.Run(
            RestyleOptions.Of(input, "null:").With(
                "prompt sepia", "size 96x64", "fps 16", "live true", "threads 1", $"timeline {_folder.File("timeline")}",
                $"log {_folder.File("log")}"),
            null, _ => { }, new Quiet<LiveStatus>(), CancellationToken.None);
        Assert.NotEmpty(SessionLog.Read(_folder.File("log")).Changes);
        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(input, ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet<RestyleProgress>(), CancellationToken.None);
        Assert.True(session.Compare().IsAsExpected, session.Compare().Text);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_FaceThatMoves_TheRegionFollowsItAndTheReplayLooksForNone()
    {
        // Two seconds still on the left, one on the way, two on the right.
        var clip = Face("face.mkv", "clip(T-2\\,0\\,1)");
        File.WriteAllText(_folder.File("timeline"), "at 0 region face feather 0.2 exact");
        Run(RestyleOptions.Of(clip, "null:").With(
            "prompt neon", "size 192x128", "threads 1", $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}"));
        var regions = SessionLog.Read(_folder.File("log")).Changes.Select(c => ((RegionChange)c.Change).Map!).ToList();
        Assert.All(regions, r => Assert.Equal((RegionShape.Ellipse, true, 0.2), (r.Shape, r.IsExact, r.Feather)));
        Assert.InRange(regions[0].X, 0.25, 0.35);
        Assert.InRange(regions[^1].X, 0.65, 0.75);
        Assert.All(regions, r => Assert.InRange(r.Y, 0.35, 0.65));
        // Never back.
        Assert.Equal(regions.Select(r => r.X).Order(), regions.Select(r => r.X));
        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(clip, ["null:"]));
        Assert.False(session.Controls.WantsFaces);
        FileRestyle.Run(session.Options, session.Controls, new Quiet<RestyleProgress>(), CancellationToken.None);
        Assert.True(session.Compare().IsAsExpected, session.Compare().Text);
    }

    [Fact]
    public void Next_FaceThatIsLost_IsHeldForAWhileAndAnotherOneTakesItsPlaceOnlyWhereItIsLarger()
    {
        var track = new FaceTrack();
        FaceBox face = new(0.2, 0.2, 0.2, 0.3, 4), beside = new(0.7, 0.2, 0.21, 0.31, 4), large = new(0.5, 0.1, 0.45, 0.6, 4);
        Assert.Equal((0.3, 0.35), Middle(track.Next([face], 0.25)));
        Assert.Null(track.Next([beside, face], 0.25));
        // One window is enough where it was; elsewhere it is none.
        Assert.Null(track.Next([face with { Windows = 1 }, large with { Windows = 1 }], 0.25));
        for (var i = 0; i < 8; i++)
            Assert.Null(track.Next([], 0.25));
        Assert.True(Middle(track.Next([], 0.25)).X < 0);
        Assert.Equal((0.3, 0.35), Middle(track.Next([face], 0.25)));
        Assert.Equal((0.725, 0.4), Middle(track.Next([face, large], 0.25)));
        // On the way to where it has moved.
        Assert.InRange(Middle(track.Next([large with { X = 0.4 }], 0.25)).X, 0.63, 0.72);

        static (double X, double Y) Middle((double X, double Y, double Width, double Height)? ellipse) =>
            (ellipse!.Value.X, ellipse.Value.Y);
    }

    [Fact]
    public void Check_MaskOrCascadeThatIsNotThere_SaysSoBeforeTheRun()
    {
        File.WriteAllText(_folder.File("timeline"), "at 0 region mask nowhere.mkv\nat 1 on sound.beat region mask null:\n"
            + "at 2 region mask relay://h:99999/y\nat 3 region mask srt://nobody");
        var options = Options("out.mkv").With($"timeline {_folder.File("timeline")}");
        var problems = Checks.RestyleOptionsValidator.Check(options, new Models.Registry.ModelCatalog()).Problems;
        Assert.Contains($"{_folder.File("timeline")}: at 00:00:00: mask nowhere.mkv does not exist", problems);
        Assert.Contains(problems, p => p.EndsWith("a mask is a file or another stream, not null:", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.EndsWith("a mask is a file or a stream's own address, not relay:", StringComparison.Ordinal)
            || p.Contains("write relay://HOST:PORT/NAME", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("'srt://nobody' names no port", StringComparison.Ordinal));
        Assert.Contains("cannot be read", Assert.Throws<ControlException>(() => FaceCascade.Read(_folder.File("none"))).Message,
            StringComparison.Ordinal);
        foreach (var text in (string[])["no xml", "<opencv_storage/>", "<a><cascade><featureType>HAAR</featureType></cascade></a>"])
        {
            File.WriteAllText(_folder.File("cascade"), text);
            Assert.Contains("is no face cascade", Assert.Throws<ControlException>(() => FaceCascade.Read(_folder.File("cascade"))).Message,
                StringComparison.Ordinal);
        }
    }

    private void AssertReplay()
    {
        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(Bars(), ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet<RestyleProgress>(), CancellationToken.None);
        Assert.True(session.Compare().IsAsExpected, session.Compare().Text);
    }

    // White on the left in frames of even numbers, on the right in the others.
    private string Halves(string name, int frames) => _folder.Make(
        name, $"-f lavfi -i color=size={Side}x{Side}:rate=30 -vf geq=lum='255*not(mod(N+gte(X\\,{Side / 2})\\,2))':cb=128:cr=128 "
            + $"-frames:v {frames} -pix_fmt gray -c:v ffv1");

    // Drawn: what a detector goes by is that eyes are darker than cheeks and forehead, the nose lighter, the mouth darker than the chin.
    private string Face(string name, string way)
    {
        var x = $"(X-56-80*{way})";
        static string Spot(int light, string x, int y, int wide, int high) =>
            $"{light:+0;-0}*exp(-pow(({x})/{wide}\\,2)-pow((Y-{y})/{high}\\,2))";
        var eyes = $"abs({x})-12";
        var face = $"90+110*lt(pow({x}/30\\,2)+pow((Y-64)/40\\,2)\\,1)" + Spot(-90, eyes, 54, 7, 4) + Spot(-50, eyes, 46, 9, 3)
            + Spot(25, x, 66, 4, 12) + Spot(-30, x, 76, 7, 2) + Spot(-70, x, 86, 11, 3);
        return _folder.Make(
            name, $"-f lavfi -i color=size=192x128:rate=16:duration=5 -vf \"geq=lum='{face}':cb=128:cr=128\" -pix_fmt gray -c:v ffv1");
    }

    private string Bars() =>
        _folder.Make("bars.mkv", $"-f lavfi -i smptebars=size={Side}x{Side}:rate=30 -frames:v {Frames} -pix_fmt gbrp -c:v ffv1");

    private byte[] Pixels(string timeline, string more = "")
    {
        File.WriteAllText(_folder.File("timeline"), timeline);
        var options = Options("out.mkv").With($"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        Run(more.Length == 0 ? options : options.With(more));
        TestFolder.Command("ffmpeg", $"-v error -y -i {_folder.File("out.mkv")} -pix_fmt rgb24 -f rawvideo {_folder.File("raw")}");
        return File.ReadAllBytes(_folder.File("raw"));
    }

    // Away from the middle, where one side becomes the other.
    private static List<int> Differs(byte[] a, byte[] b, int frame, bool isLeft) =>
    [
        .. from i in Enumerable.Range(3 * Side * Side * frame, 3 * Side * Side)
           let x = i / 3 % Side
           where isLeft ? x < Side / 2 - 4 : x >= Side / 2 + 4
           select Math.Abs(a[i] - b[i]),
    ];

    private RestyleOptions Options(string output) =>
        RestyleOptions.Of(Bars(), _folder.File(output)).With("prompt neon", $"size {Side}x{Side}", "threads 1", "codec ffv1");

    private static void Run(RestyleOptions options) =>
        FileRestyle.Run(options, new Quiet<RestyleProgress>(), CancellationToken.None);

    private sealed class Quiet<T> : IProgress<T>
    {
        public void Report(T value)
        {
        }
    }
}
