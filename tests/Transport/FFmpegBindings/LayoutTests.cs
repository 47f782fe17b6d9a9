using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.FFmpegBindings;

public sealed class LayoutTests
{
    [Fact]
    public void Structs_ComparedWithTheCCompiler_HaveTheSameSizesAndOffsets()
    {
        using var folder = new TempFolder();
        var checker = folder.File("layout");
        CommandLine.Run("cc", "-w", "-o", checker, Path.Combine(AppContext.BaseDirectory, "layout.c"));

        var expected = CommandLine.Run(checker).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var actual = expected.Select(line => line.Split(' ')[0]).Select(name => $"{name} {Measure(name)}");

        Assert.True(expected.Length > 800, $"only {expected.Length} lines");
        Assert.Equal(expected, actual);
    }

    private static long Measure(string name)
    {
        var parts = name.Split('.');
        var type = typeof(AVFrame).Assembly.GetType("FFmpeg.AutoGen." + parts[0], throwOnError: true)!;
        return parts.Length == 1 ? Marshal.SizeOf(type) : Marshal.OffsetOf(type, parts[1]);
    }
}
