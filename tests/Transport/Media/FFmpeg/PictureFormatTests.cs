using FFmpeg.AutoGen;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Sizes, pixel formats, rotation and pixel aspect of inputs.</summary>
public sealed class PictureFormatTests
{
    // Red, green, blue and white quarters: top left, top right, bottom left, bottom right.
    private const string Quarters =
        "color=red:size=96x64:rate=25[a];color=lime:size=96x64:rate=25[b];color=blue:size=96x64:rate=25[c];"
        + "color=white:size=96x64:rate=25[d];[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack,format=gbrp,"
        + "scale=out_color_matrix=bt709:out_range=tv";
    private const string Yuv420 = Quarters + ",format=yuv420p";
    private const string Tagged = "-colorspace bt709 -color_range tv -c:v libx264 -qp 4 -preset ultrafast";
    private static readonly (int, int, int) Red = (255, 0, 0);
    private static readonly (int, int, int) Green = (0, 255, 0);
    private static readonly (int, int, int) Blue = (0, 0, 255);
    private static readonly (int, int, int) White = (255, 255, 255);
    private static readonly (int, int, int) Black = (0, 0, 0);

    [Theory]
    [InlineData("yuv420p", "libx264")]
    [InlineData("yuv422p", "libx264")]
    [InlineData("yuv444p", "libx264")]
    [InlineData("yuv420p10le", "libx264")]
    [InlineData("yuv422p10le", "libx264")]
    [InlineData("yuv420p10le", "libx265")]
    public void Read_AnyPixelFormat_HasTheRightColors(string format, string codec)
    {
        using var folder = new TempFolder();
        var quiet = codec == "libx265" ? "-x265-params log-level=none" : "";
        var input = Clip.Make(folder.File("in.mp4"), $"-f lavfi -i {Quarters},format={format} -frames:v 3 {Tagged} -c:v {codec} {quiet}");

        var frames = Reading.Of(input).Frames;

        Assert.Equal(3, frames.Count);
        AssertQuarters(frames[0], Red, Green, Blue, White);
    }

    [Theory]
    [InlineData("bt709", "tv", "bt709")]
    [InlineData("bt709", "pc", "bt709")]
    [InlineData("bt601", "tv", "smpte170m")]
    [InlineData("bt2020", "tv", "bt2020nc")]
    public void Read_TaggedMatrixAndRange_AreRespected(string matrix, string range, string tag)
    {
        using var folder = new TempFolder();
        var quarters = Quarters.Replace("bt709", matrix, StringComparison.Ordinal).Replace("=tv", "=" + range, StringComparison.Ordinal);
        var input = Clip.Make(
            folder.File("in.mkv"),
            $"-f lavfi -i {quarters},format=yuv444p -frames:v 2 -c:v libx264 -qp 4 -preset ultrafast -colorspace {tag} -color_range "
                + $"{range}");

        AssertQuarters(Reading.Of(input).Frames[0], Red, Green, Blue, White);
    }

    [Theory]
    [InlineData(161, 97)]
    [InlineData(162, 97)]
    [InlineData(161, 98)]
    public void Convert_OddSize_LeavesOutTheLastColumnOrRowAndSaysSo(int width, int height)
    {
        using var folder = new TempFolder();
        var input = Clip.Make(folder.File("in.mkv"), $"-f lavfi -i testsrc=size={width}x{height} -frames:v 3 -c:v ffv1 -pix_fmt gbrp");

        var warnings = Conversion.Run(input, folder.File("out.mp4"));

        var read = Reading.Of(input);
        Assert.Equal((width, height), (read.Video.Width, read.Video.Height));
        Assert.Equal(Probe.Decoded(input)[..(width * height * 3)], read.Frames[0].Pixels);
        Assert.Equal($"{width / 2 * 2}", Probe.Stream(folder.File("out.mp4"), "v", "width"));
        Assert.Equal($"{height / 2 * 2}", Probe.Stream(folder.File("out.mp4"), "v", "height"));
        Assert.Contains("left out", Assert.Single(warnings), StringComparison.Ordinal);
    }

    // Both count anticlockwise; the second one came with FFmpeg 6, which took the first one away.
    private static void Turn(string plain, string turned, int degrees)
    {
        string[] copy = ffmpeg.LibraryVersionMap["avcodec"] < 60
            ? ["-i", plain, "-c", "copy", "-metadata:s:v", $"rotate={360 - degrees}"]
            : ["-display_rotation:v:0", $"{360 - degrees}", "-i", plain, "-c", "copy"];
        CommandLine.Run("ffmpeg", ["-v", "error", .. copy, turned]);
    }

    [Theory]
    [InlineData(90, 128, 192)]
    [InlineData(180, 192, 128)]
    [InlineData(270, 128, 192)]
    public void Read_DisplayMatrix_StandsUpright(int degrees, int width, int height)
    {
        using var folder = new TempFolder();
        var plain = Clip.Make(folder.File("plain.mp4"), $"-f lavfi -i {Yuv420} -frames:v 3 {Tagged}");
        Turn(plain, folder.File("turned.mp4"), degrees);
        var shownByFfmpeg = Probe.Decoded(folder.File("turned.mp4"));

        var read = Reading.Of(folder.File("turned.mp4"));

        Assert.Equal((width, height, degrees), (read.Video.Width, read.Video.Height, read.Video.Rotation));
        Assert.InRange(read.Frames[0].DifferenceTo(shownByFfmpeg.AsSpan(0, width * height * 3)), 0, 4);
        var (topLeft, topRight, bottomLeft, bottomRight) = degrees switch
        {
            90 => (Blue, Red, White, Green),
            180 => (White, Blue, Green, Red),
            _ => (Green, White, Red, Blue),
        };
        AssertQuarters(read.Frames[0], topLeft, topRight, bottomLeft, bottomRight);
    }

    [Fact]
    public void Read_AnamorphicPixels_AreMadeSquare()
    {
        using var folder = new TempFolder();
        var input = Clip.Make(folder.File("in.mp4"), $"-f lavfi -i {Yuv420},setsar=4/3 -frames:v 2 {Tagged}");

        var read = Reading.Of(input);

        Assert.Equal((256, 128), (read.Video.Width, read.Video.Height));
        AssertQuarters(read.Frames[0], Red, Green, Blue, White);
    }

    [Fact]
    public void Read_AnamorphicAndRotated_SwapsThePixelShapeToo()
    {
        using var folder = new TempFolder();
        var plain = Clip.Make(folder.File("plain.mp4"), $"-f lavfi -i {Yuv420},setsar=4/3 -frames:v 2 {Tagged}");
        Turn(plain, folder.File("turned.mp4"), degrees: 90);

        var read = Reading.Of(folder.File("turned.mp4"));

        // 128 wide pixels of 3/4, 192 high.
        Assert.Equal((96, 192), (read.Video.Width, read.Video.Height));
        AssertQuarters(read.Frames[0], Blue, Red, White, Green);
    }

    [Fact]
    public void Read_Letterbox_CentresThePictureBetweenBlackBars()
    {
        var frame = ReadQuarters(128, 128, FitMode.Letterbox);

        // 192x128 becomes 128x85 in the middle.
        frame.AssertColor(64, 10, Black, 0);
        frame.AssertColor(64, 117, Black, 0);
        frame.AssertColor(20, 40, Red);
        frame.AssertColor(100, 90, White);
        var tall = ReadQuarters(301, 100, FitMode.Letterbox);
        tall.AssertColor(20, 50, Black, 0);
        tall.AssertColor(280, 50, Black, 0);
        tall.AssertColor(100, 20, Red);
    }

    [Fact]
    public void Read_Crop_FillsThePictureFromTheMiddle()
    {
        var frame = ReadQuarters(64, 64, FitMode.Crop);

        AssertQuarters(frame, Red, Green, Blue, White);
        // The seam is in the middle, as in the source.
        frame.AssertColor(29, 10, Red);
        frame.AssertColor(34, 10, Green);
    }

    [Fact]
    public void Read_Stretch_ShowsEverything()
    {
        var frame = ReadQuarters(200, 40, FitMode.Stretch);

        AssertQuarters(frame, Red, Green, Blue, White);
        frame.AssertColor(1, 1, Red, 12);
        frame.AssertColor(198, 38, White, 12);
    }

    [Theory]
    [InlineData(96, null, 96, 64)]
    [InlineData(null, 32, 48, 32)]
    [InlineData(null, null, 192, 128)]
    public void Read_PartOfTheSize_KeepsTheShape(int? width, int? height, int expectedWidth, int expectedHeight)
    {
        using var folder = new TempFolder();
        var input = Clip.Make(folder.File("in.mp4"), $"-f lavfi -i {Yuv420} -frames:v 1 {Tagged}");

        var frame = Reading.Of(new VideoSourceOptions { Input = input, Width = width, Height = height }).Frames[0];

        Assert.Equal((expectedWidth, expectedHeight), (frame.Width, frame.Height));
    }

    [Fact]
    public void Read_ScaledDown_LooksLikeFfmpegsScaling()
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(
            folder.File("in.mp4"), size: "640x384", frames: 2, codec: "-c:v libx264 -qp 8 -preset ultrafast -pix_fmt yuv420p");
        CommandLine.Run("ffmpeg", "-v", "error", "-i", input, "-vf", "scale=320:192:flags=bicubic+accurate_rnd", "-c:v", "ffv1", "-pix_fmt",
            "gbrp", folder.File("small.mkv"));

        var ours = Reading.Of(new VideoSourceOptions { Input = input, Width = 320, Height = 192 }).Frames[0];

        Assert.InRange(ours.DifferenceTo(Probe.Decoded(folder.File("small.mkv")).AsSpan(0, ours.Pixels.Length)), 0, 3);
    }

    [Fact]
    public void Read_SizeChangesInTheMiddle_GivesOneSize()
    {
        using var folder = new TempFolder();
        Clip.Pictures(folder.File("a.ts"), size: "160x96", frames: 10);
        Clip.Pictures(folder.File("b.ts"), size: "320x192", frames: 10);
        File.WriteAllBytes(folder.File("both.ts"), [.. File.ReadAllBytes(folder.File("a.ts")), .. File.ReadAllBytes(folder.File("b.ts"))]);

        var read = Reading.Of(folder.File("both.ts"));

        Assert.InRange(read.Frames.Count, 19, 20);
        Assert.All(read.Frames, frame => Assert.Equal((160, 96), (frame.Width, frame.Height)));
        Assert.Equal(read.Seconds.Order().Distinct(), read.Seconds);
    }

    private static ReadFrame ReadQuarters(int width, int height, FitMode fit)
    {
        using var folder = new TempFolder();
        var input = Clip.Make(folder.File("in.mp4"), $"-f lavfi -i {Yuv420} -frames:v 1 {Tagged}");
        return Reading.Of(new VideoSourceOptions { Input = input, Width = width, Height = height, Fit = fit }).Frames[0];
    }

    private static void AssertQuarters(
        ReadFrame frame, (int, int, int) topLeft, (int, int, int) topRight, (int, int, int) bottomLeft, (int, int, int) bottomRight)
    {
        var (left, right, top, bottom) = (frame.Width / 4, frame.Width * 3 / 4, frame.Height / 4, frame.Height * 3 / 4);
        frame.AssertColor(left, top, topLeft);
        frame.AssertColor(right, top, topRight);
        frame.AssertColor(left, bottom, bottomLeft);
        frame.AssertColor(right, bottom, bottomRight);
    }
}
