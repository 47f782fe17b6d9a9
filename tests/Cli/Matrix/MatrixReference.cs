using System.Diagnostics;
using StreamDiff.Pipeline.Control.Logs;

namespace StreamDiff.Cli.Tests.Matrix;

/// <summary>The run that all others are held against: a file on one device with every change, in float32.</summary>
public sealed class MatrixReference : IDisposable
{
    /// <summary>An encoder that keeps every byte of RGB, in a container (mov) that holds it.</summary>
    public const string Lossless = "png";

    public const string Prompt = "sepia";
    public const long Seed = 3;
    private const string Picture = "test:testsrc2?size=64x64&rate=12";

    // What float32 may differ by in pixels of [-1, 1].
    private const double Exact = 1e-5;
    private readonly Streamdiff _streamdiff = new();

    public MatrixReference()
    {
        System.IO.File.WriteAllLines(_streamdiff.Folder["changes"], MatrixFeature.All.Select(f => f.Line));
        var run = _streamdiff.Run(
            [.. File, "--device", "cpu", "-o", "out.mov", "--codec", Lossless, "--timeline", "changes", "--log", "take.log"]);
        Assert.True(run.ExitCode == 0, run.Error);
        Log = SessionLog.Read(_streamdiff.Folder["take.log"]);
        Pixels = PixelsOf(_streamdiff.Folder["out.mov"]);
        Assert.Equal(FramesOf(Chunks) * 64 * 64 * 3, Pixels.Length);
    }

    /// <summary>A chunk more than the last change needs.</summary>
    private static int Chunks => MatrixFeature.Last.Chunk + 2;

    internal static string[] Settings { get; } = ["-s", "64x64", "-p", Prompt, "--seed", $"{Seed}", "--dtype", "float32", "--threads", "1"];

    /// <summary>The source without an end.</summary>
    internal static string[] Endless { get; } = ["-i", $"{Picture}&duration=0"];

    /// <summary>A run of a file with all changes in it.</summary>
    internal static string[] File { get; } =
        ["run", "-i", FormattableString.Invariant($"{Picture}&duration={FramesOf(Chunks) / 12.0 + 0.01:0.00}"), .. Settings];

    public SessionLog Log { get; }

    public byte[] Pixels { get; }

    /// <summary>Frames of so many chunks.</summary>
    internal static int FramesOf(int chunks) => 1 + 4 * chunks;

    /// <summary>
    /// Frames of two runs, as far as both go. A byte is 2/255 of the picture's range, so an error moves one rounding in 1/(127.5 error), by
    /// one: the share of bytes that differ is the mean error.
    /// </summary>
    internal static void AssertSame(byte[] expected, byte[] actual)
    {
        var bytes = Math.Min(expected.Length, actual.Length);
        Assert.InRange(bytes, FramesOf(MatrixFeature.Last.Chunk - 1) * 64 * 64 * 3, int.MaxValue);
        var off = Enumerable.Range(0, bytes).Select(i => Math.Abs(expected[i] - actual[i])).ToList();
        // Where two runs part says what was done differently there: most features have a chunk of their own.
        var parted = off.Chunk(64 * 64 * 3).Select((frame, n) => (Most: frame.Max(), n)).Where(f => f.Most > 1).ToList();
        Assert.True(parted.Count == 0, $"differs in frames (by at most) {string.Join(", ", parted.Select(f => $"{f.n} ({f.Most})"))}");
        Assert.InRange(off.Sum() / 127.5 / bytes, 0, Exact);
    }

    internal static byte[] PixelsOf(string file)
    {
        using var decoder = Process.Start(
            new ProcessStartInfo("ffmpeg", ["-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            {
                RedirectStandardOutput = true,
            })!;
        using var pixels = new MemoryStream();
        decoder.StandardOutput.BaseStream.CopyTo(pixels);
        decoder.WaitForExit();
        return pixels.ToArray();
    }

    public void Dispose() => _streamdiff.Dispose();
}
