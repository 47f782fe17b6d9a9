using System.Runtime.InteropServices;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline;

/// <summary>What can be said of a run's input and output without opening them.</summary>
internal static partial class FilePaths
{
    private const int WritePermission = 2;

    public static void Check(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        var input = CheckInput(options.Input, findings);
        findings.Require(options.Outputs.Count > 0, "output is missing: give --output FILE");
        foreach (var output in options.Outputs)
            CheckOutput(options, output, input, findings);
    }

    private static void CheckOutput(RestyleOptions options, string name, string? input, RestyleOptionsValidator.Findings findings)
    {
        var output = CheckOutput(name, findings);
        if (output is not null && options.VideoCodec is not { Length: 0 })
            CheckEncoding(options, name, findings);
        if (input is null || output is null)
            return;
        if (RealPath(input) == RealPath(output))
            findings.Problem($"output {name} is the input itself: it would be destroyed");
        else if (File.Exists(output))
            findings.Note($"{name} exists and is replaced");
    }

    // The full path where it is a file that exists.
    private static string? CheckInput(string input, RestyleOptionsValidator.Findings findings)
    {
        if (input.Length == 0)
            findings.Problem("input is missing: give --input FILE");
        else if (input.StartsWith("test:", StringComparison.Ordinal))
            findings.Require(input.Length > "test:".Length, "input test: needs the name of a test picture, such as test:testsrc2");
        else if (MediaAddress.Parse(input).Kind != MediaKind.File)
            // Whether an address is there shows when it is opened.
            return null;
        else if (Directory.Exists(input))
            findings.Problem($"input {input} is a folder, not a video file");
        else if (!File.Exists(input))
            findings.Problem($"input {input} does not exist{MediaAddress.Hint(input)}");
        else if (new FileInfo(input).Length == 0 && !IsDevice(input))
            findings.Problem($"input {input} is empty");
        else
            return Path.GetFullPath(input);
        return null;
    }

    private static string? CheckOutput(string output, RestyleOptionsValidator.Findings findings)
    {
        if (output == "null:")
            return null;
        var path = Path.GetFullPath(output);
        if (Directory.Exists(path))
            findings.Problem($"output {output} is a folder, not a file");
        else if (Path.GetExtension(path).Length < 2)
            findings.Problem($"output {output} needs an extension that names the container, such as .mp4 or .mkv");
        else if (!Directory.Exists(Path.GetDirectoryName(path)))
            findings.Problem($"the folder of output {output} does not exist");
        else if (Access(File.Exists(path) ? path : Path.GetDirectoryName(path)!, WritePermission) != 0)
            findings.Problem($"output {output} cannot be written: {Marshal.GetLastPInvokeErrorMessage()}");
        else
            return path;
        return null;
    }

    private static void CheckEncoding(RestyleOptions options, string output, RestyleOptionsValidator.Findings findings)
    {
        try
        {
            MediaSinks.Check(FileRestyle.SinkOptions(options, output));
        }
        catch (MediaException e)
        {
            findings.Problem(e.Message);
        }
    }

    // A pipe such as /dev/stdin or /dev/fd/63 has no length and may well hold a video.
    private static bool IsDevice(string input) => Path.GetFullPath(input) is var path && (path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal));

    // Asked of the system, not tried: trying would create the file, and wait for a reader where it is a pipe.
    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    private static string RealPath(string path) =>
        File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
}
