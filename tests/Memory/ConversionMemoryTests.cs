using StreamDiff.Transport.Media;
using StreamDiff.Transport.Tests.Support;
using Xunit.Abstractions;

namespace StreamDiff.Memory.Tests;

/// <summary>Reading and writing files gives back what FFmpeg and its codecs took.</summary>
public sealed class ConversionMemoryTests(ITestOutputHelper output)
{
    private const int Times = 10;
    private const int Looks = 5;

    // Of each conversion: less than one of its pictures.
    private const int MostBytes = 160 * 96 * 2;

    [Fact]
    public void Convert_HundredTimes_LeavesNoMemoryBehind()
    {
        using var folder = new TempFolder();
        var input = Clip.WithSound(folder.File("in.mp4"), seconds: 0.5);
        void Run() => Conversion.Run(
            new VideoSourceOptions { Input = input, Width = 80, Height = 64, FrameRate = new Rational(10, 1) },
            new FileSinkOptions { Output = folder.File("out.webm"), Preset = "ultrafast" });
        for (var i = 0; i < 5; i++)
            Run();

        // What a thread has not given back yet, when it is looked at, is not lost: the least of several looks counts.
        var (before, after) = (LeastUsed(), LeastUsed());
        var each = (after - before) / (Looks * Times);

        output.WriteLine($"{each} bytes more for each of {Looks * Times} conversions");
        Assert.InRange(each, long.MinValue, MostBytes);

        long LeastUsed()
        {
            var least = long.MaxValue;
            for (var look = 0; look < Looks; look++)
            {
                for (var i = 0; i < Times; i++)
                    Run();
                least = Math.Min(least, NativeHeap.Used());
            }
            return least;
        }
    }
}
