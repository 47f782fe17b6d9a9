using System.Diagnostics;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Real files, good and bad, through the real command: what comes out, or one line and an exit code.</summary>
public sealed class RunFilesTests : IDisposable
{
    private const string Moving = "-f lavfi -i testsrc2=size=128x96:rate=25";
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("one.mp4", Moving + " -frames:v 1 -pix_fmt yuv420p", 1)]
    [InlineData("variable.mkv", Moving + " -frames:v 20 -vf setpts='(N+floor(N/3)*2)/25/TB' -fps_mode vfr -pix_fmt yuv420p", 20)]
    public void Run_UnusualVideo_KeepsEveryFrame(string name, string arguments, int frames)
    {
        Ffmpeg(arguments, name);
        var outcome = Run(name);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Concat(outcome.Problems)));
        Assert.StartsWith($"{frames} frame{(frames == 1 ? "" : "s")} in ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(FrameTimes(name), FrameTimes("out.mp4"));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_RotatedVideo_IsSeenUpright()
    {
        // Left half white, right half black; shown a quarter turn clockwise, white is on top.
        Ffmpeg("-f lavfi -i color=black:size=128x128:rate=5 -vf drawbox=0:0:64:128:white:fill -t 1 -pix_fmt yuv420p", "plain.mp4");
        File.WriteAllBytes(_streamdiff.Folder["rotated.mp4"], QuarterTurned(File.ReadAllBytes(_streamdiff.Folder["plain.mp4"])));
        var outcome = Run("rotated.mp4", "--prompt", "", "--noise-scale", "0.1");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains(
            "the prompt is empty", Assert.Single(outcome.ErrorLines, l => l.StartsWith("note: the prompt", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        Ffmpeg($"-i {_streamdiff.Folder["out.mp4"]} -frames:v 1 -vf scale=1:2:flags=area -pix_fmt gray -f rawvideo", "picture");
        var picture = File.ReadAllBytes(_streamdiff.Folder["picture"]);
        Assert.True(picture[0] > picture[1] + 60, $"top {picture[0]}, bottom {picture[1]}");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_DamagedInTheMiddle_SaysSoAndGoesOn()
    {
        Ffmpeg(Moving + " -frames:v 60 -pix_fmt yuv420p -g 10", "in.mp4");
        var file = _streamdiff.Folder["in.mp4"];
        var bytes = File.ReadAllBytes(file);
        new Random(1).NextBytes(bytes.AsSpan(bytes.Length / 2, 2000));
        File.WriteAllBytes(file, bytes);
        var outcome = Run("in.mp4");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains(outcome.ErrorLines, l => l.StartsWith("note: 'in.mp4' is damaged in places", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_NoPictureOfItCanBeDecoded_SaysSoAndLeavesNoOutput()
    {
        Ffmpeg(Moving + " -frames:v 30 -pix_fmt yuv420p -movflags +faststart", "in.mp4");
        var file = _streamdiff.Folder["in.mp4"];
        var bytes = File.ReadAllBytes(file);
        bytes.AsSpan(bytes.AsSpan().IndexOf("mdat"u8) + 4).Fill(0x55);
        File.WriteAllBytes(file, bytes);
        var outcome = Run("in.mp4");
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Equal(
            "error: Input 'in.mp4' is truncated or damaged: none of its pictures can be decoded.", Assert.Single(outcome.Problems));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_TruncatedAfterItsIndex_SaysSoAndGivesTheBeginning()
    {
        Ffmpeg(Moving + " -frames:v 60 -pix_fmt yuv420p -g 10 -movflags +faststart", "in.mp4");
        Cut("in.mp4", 0.6);
        var outcome = Run("in.mp4");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains(outcome.ErrorLines, l => l.Contains("it looks truncated", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SeveralOutputs_IsAFileRunWithEveryFrameOnceInEach()
    {
        Ffmpeg(Moving + " -frames:v 31 -pix_fmt yuv420p", "in.mp4");
        var outcome = Run("in.mp4", "-o", "second.mkv", "-o", "null:");
        Assert.Equal((0, ""), (outcome.ExitCode, string.Concat(outcome.Problems)));
        Assert.StartsWith("31 frames in ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(FrameTimes("in.mp4"), FrameTimes("out.mp4"));
        Assert.Equal(FrameTimes("in.mp4"), FrameTimes("second.mkv"));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_StartAndDuration_TakeThatPart()
    {
        Ffmpeg(Moving + " -frames:v 75 -pix_fmt yuv420p", "in.mp4");
        var outcome = Run("in.mp4", "--start", "1", "--duration", "0.6", "--log", "take.log");
        Assert.Equal((0, ""), (outcome.ExitCode, string.Concat(outcome.Problems)));
        Assert.StartsWith("15 frames in ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(string.Join(' ', Enumerable.Range(0, 15).Select(i => i * 0.04).Select(t => Math.Round(t, 2))), FrameTimes("out.mp4"));
        // The log knows where the session began.
        var replay = _streamdiff.Run("replay", "take.log", "-i", "in.mp4", "-o", "again.mp4", "-o", "again.mkv");
        Assert.Equal((0, ""), (replay.ExitCode, string.Concat(replay.Problems)));
        Assert.Contains("15 frames: identical to the session bit for bit", replay.Output, StringComparison.Ordinal);
        Assert.Equal(FrameTimes("out.mp4"), FrameTimes("again.mkv"));
    }

    [Theory]
    [InlineData("rtmp://127.0.0.1:1/a/b", "start is for files")]
    [InlineData("test:testsrc2", "output out.mp4 and output out.mp4 are one file")]
    public void Run_WhatCannotBe_IsOneLine(string input, string says)
    {
        var outcome = _streamdiff.Run("run", "-i", input, "-o", "out.mp4", "-o",
            says.StartsWith("start", StringComparison.Ordinal) ? "b.mp4" : "out.mp4", "--start", "3");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(says, Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("truncated", "is truncated or damaged")]
    [InlineData("text", "is not a video")]
    [InlineData("sound", "has sound but no pictures")]
    public void Run_NoVideo_IsOneLineAndCodeOne(string kind, string says)
    {
        if (kind == "text")
            _streamdiff.Folder.Write("in.mp4", "this is no video\n");
        else
            Ffmpeg(kind == "sound" ? "-f lavfi -i sine -t 1 -c:a aac" : Moving + " -frames:v 20 -pix_fmt yuv420p", "in.mp4");
        if (kind == "truncated")
            Cut("in.mp4", 0.5);
        var outcome = Run("in.mp4");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(says, Assert.Single(outcome.Problems), StringComparison.Ordinal);
        Assert.False(File.Exists(_streamdiff.Folder["out.mp4"]));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_PromptOfTenThousandWords_WorksWithOneNote()
    {
        var outcome = Run(
            "test:scene?size=64x64&rate=5&duration=1", "--prompt", string.Join(' ', Enumerable.Repeat("word", 10_000)));
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("the prompt has 10000 words",
            Assert.Single(outcome.ErrorLines, l => l.StartsWith("note: the prompt", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SizeNoMultipleOfSixteen_SaysWhatIsUsedInstead()
    {
        var outcome = _streamdiff.Run("run", "-i", "test:scene?duration=0.2", "-o", "out.mp4", "--size", "100x70", "--steps", "1");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains(
            "note: the model works on multiples of 16 pixels, at least 64: size 96x64 is used instead of 100x70", outcome.ErrorLines);
        Assert.Equal("96,64",
            Probe("ffprobe", $"-select_streams v -show_entries stream=width,height -of csv=p=0 {_streamdiff.Folder["out.mp4"]}").Trim());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SameSeed_GivesTheSameFileWhateverFreshMemoryHolds()
    {
        var files = new List<byte[]>();
        foreach (var filling in (string[])["90", "165"])
        {
            _streamdiff.Environment["MALLOC_PERTURB_"] = filling;
            Assert.Equal(0, Run("test:testsrc2?size=128x96&rate=8&duration=2", "--size", "96x64", "--seed", "1").ExitCode);
            files.Add(File.ReadAllBytes(_streamdiff.Folder["out.mp4"]));
        }
        Assert.Equal(files[0], files[1]);
    }

    private Streamdiff.Outcome Run(string input, params string[] more) => _streamdiff.Run(
        ["run", "-i", input, "-o", "out.mp4", "--steps", "1", .. more.Contains("--size") ? [] : (string[])["--size", "64x64"], .. more]);

    private void Cut(string name, double share)
    {
        var bytes = File.ReadAllBytes(_streamdiff.Folder[name]);
        File.WriteAllBytes(_streamdiff.Folder[name], bytes[..(int)(bytes.Length * share)]);
    }

    // The matrix of the track's header (ISO/IEC 14496-12, tkhd): how FFmpeg's command is told of it changes with its versions.
    private static byte[] QuarterTurned(byte[] mp4)
    {
        var matrix = mp4.AsSpan().IndexOf("tkhd"u8) + 4 + 40;
        int[] clockwise = [0, 1 << 16, 0, -(1 << 16), 0, 0, 128 << 16, 0, 1 << 30];
        for (var i = 0; i < clockwise.Length; i++)
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(mp4.AsSpan(matrix + 4 * i), clockwise[i]);
        return mp4;
    }

    private void Ffmpeg(string arguments, string name) => Probe("ffmpeg", $"-y {arguments} {_streamdiff.Folder[name]}");

    private string FrameTimes(string name) => string.Join(' ',
        Probe("ffprobe", $"-select_streams v:0 -show_entries frame=pts_time -of csv=p=0 {_streamdiff.Folder[name]}")
            .Split(['\n', ','], StringSplitOptions.RemoveEmptyEntries)
            .Select(t => Math.Round(double.Parse(t, System.Globalization.CultureInfo.InvariantCulture), 2)));

    private static string Probe(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, $"-v error {arguments}")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {arguments}: {errors.Result}");
        return output;
    }
}
