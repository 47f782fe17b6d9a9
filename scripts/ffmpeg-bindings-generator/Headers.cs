using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>The installed FFmpeg headers, parsed by libclang.</summary>
internal sealed unsafe class Headers(string includeFolder)
{
    private const uint KeepMacros = 1;

    private static readonly string[] Files =
    [
        "libavutil/avutil.h", "libavutil/opt.h", "libavutil/imgutils.h", "libavutil/time.h", "libavutil/dict.h", "libavutil/hwcontext.h",
        "libavutil/channel_layout.h", "libavutil/audio_fifo.h", "libavutil/pixdesc.h", "libavutil/log.h", "libavutil/error.h",
        "libavutil/mathematics.h", "libavutil/samplefmt.h", "libavutil/frame.h", "libavutil/display.h", "libavutil/parseutils.h",
        "libavcodec/avcodec.h", "libavcodec/bsf.h", "libavformat/avformat.h", "libavformat/avio.h", "libavdevice/avdevice.h",
        "libavfilter/avfilter.h", "libavfilter/buffersrc.h", "libavfilter/buffersink.h", "libswscale/swscale.h", "libswresample/swresample.h",
    ];

    public static readonly string[] Libraries = ["avutil", "avcodec", "avformat", "avdevice", "avfilter", "swscale", "swresample"];

    public string Includes { get; } = string.Concat(Files.Select(file => $"#include <{file}>\n"));

    public List<CXCursor> Declarations() => Parse(Includes, KeepMacros, reportErrors: true);

    /// <summary>Parses C text; declarations with errors are dropped by clang, the others are returned.</summary>
    public List<CXCursor> Parse(string source, uint options, bool reportErrors)
    {
        var file = Path.GetTempFileName() + ".c";
        File.WriteAllText(file, source);
        try
        {
            var unit = clang_parseTranslationUnit(clang_createIndex(0, 0), file, Arguments(), Arguments().Length, null, 0, options);
            if (reportErrors)
            {
                ThrowOnError(unit);
            }

            return clang_getTranslationUnitCursor(unit).Children();
        }
        finally
        {
            File.Delete(file);
        }
    }

    public bool Declares(CXCursor cursor) =>
        cursor.File() is var file && Libraries.Any(library => file.StartsWith($"{includeFolder}/lib{library}/", StringComparison.Ordinal));

    public string LibraryOf(CXCursor cursor)
    {
        var relative = cursor.File()[(includeFolder.Length + "/lib".Length)..];
        return relative[..relative.IndexOf('/')];
    }

    public int MajorOf(string library) => Number(library, "MAJOR");

    private int Number(string library, string part)
    {
        var folder = $"{includeFolder}/lib{library}";
        var text = string.Concat(Directory.GetFiles(folder, "version*.h").Select(File.ReadAllText));
        return int.Parse(Regex.Match(text, $@"_VERSION_{part}\s+(\d+)").Groups[1].Value);
    }

    private nint[] Arguments() =>
        new[]
        {
            "-x", "c", "-std=gnu11", "-I" + includeFolder, "-resource-dir", ResourceFolder(), "-ferror-limit=0",
            "-D__STDC_CONSTANT_MACROS", "-Wno-everything", "-fretain-comments-from-system-headers",
        }.Select(Marshal.StringToCoTaskMemUTF8).ToArray();

    // clang's own stddef.h and friends lie here; libclang does not find them by itself.
    private static string ResourceFolder() =>
        Directory.GetDirectories("/usr/lib", "llvm-*").OrderDescending()
            .Select(folder => Path.Combine(folder, "lib", "clang")).Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories).FirstOrDefault(folder => Directory.Exists(Path.Combine(folder, "include")))
        ?? throw new InvalidOperationException("clang's own headers were not found: apt-get install libclang-common-14-dev.");

    private static void ThrowOnError(nint unit)
    {
        const int Error = 3;
        for (uint i = 0; i < clang_getNumDiagnostics(unit); i++)
        {
            var diagnostic = clang_getDiagnostic(unit, i);
            if (clang_getDiagnosticSeverity(diagnostic) >= Error)
            {
                throw new InvalidOperationException(ClangExtensions.Text(clang_formatDiagnostic(diagnostic, 1)));
            }
        }
    }
}
