using System.Globalization;
using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.FFmpegBindings;

public sealed class LayoutTests
{
    // A folder with headers of other versions, one folder each, as scripts/ffmpeg-headers makes it.
    private const string HeadersVariable = "FFMPEG_HEADERS";

    /// <summary>The installed headers, "", and those of the folder.</summary>
    public static TheoryData<string> Headers()
    {
        var folder = Environment.GetEnvironmentVariable(HeadersVariable);
        return new TheoryData<string>(["", .. folder is null ? [] : Directory.GetDirectories(folder)]);
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public void Structs_ComparedWithTheCCompiler_HaveTheSameSizesAndOffsets(string include)
    {
        using var folder = new TempFolder();
        var checker = folder.File("layout");
        string[] where = include.Length > 0 ? ["-I" + include] : [];
        CommandLine.Run("cc", ["-w", .. where, "-o", checker, Path.Combine(AppContext.BaseDirectory, "layout.c")]);

        var output = CommandLine.Run(checker).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var version = VersionOf(int.Parse(output[0], CultureInfo.InvariantCulture));
        var actual = output.Skip(1).Select(line => line.Split(' ')[0]).Select(name => $"{name} {Measure(name, version)}");

        Assert.True(output.Length > 700, $"only {output.Length} lines");
        Assert.Equal(output.Skip(1), actual);
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public void InterlacedField_OfLibavutil57_IsWhereTheHeaderHasIt(string include)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("offset.c"), """
            #include <stddef.h>
            #include <stdio.h>
            #include <libavutil/frame.h>
            #if LIBAVUTIL_VERSION_MAJOR < 58
            int main() { printf("%zu", offsetof(AVFrame, interlaced_frame)); }
            #else
            int main() { printf("%d", AV_FRAME_FLAG_INTERLACED == 8 ? 188 : 0); }
            #endif
            """);
        string[] where = include.Length > 0 ? ["-I" + include] : [];
        CommandLine.Run("cc", ["-w", .. where, "-o", folder.File("offset"), folder.File("offset.c")]);
        Assert.Equal(AVFrame.InterlacedOffset57, int.Parse(CommandLine.Run(folder.File("offset")), CultureInfo.InvariantCulture));
    }

    [Fact]
    public void EveryVersion_HasAllLibraries()
    {
        for (var version = 0; version < Layouts.Count; version++)
        {
            Assert.Equal(Layouts.Majors(0).Keys, Layouts.Majors(version).Keys);
            Assert.Equal(59 + version, Layouts.Majors(version)["avcodec"]);
        }
    }

    private static int VersionOf(int major) => Enumerable.Range(0, Layouts.Count).Single(v => Layouts.Majors(v)["avcodec"] == major);

    // A property, or no member at all, stands for a field that moves.
    private static long Measure(string name, int version)
    {
        var parts = name.Split('.');
        var type = typeof(AVFrame).Assembly.GetType("FFmpeg.AutoGen." + parts[0], throwOnError: true)!;
        return parts.Length == 1 ? Marshal.SizeOf(type)
            : Enum.TryParse<Member>($"{parts[0]}_{parts[1]}", out var member) ? Layouts.Offset(member, version)
            : Marshal.OffsetOf(type, parts[1]);
    }
}
