namespace StreamDiff.Pipeline;

/// <summary>What can be said of a run's input and output without opening them.</summary>
internal static class FilePaths
{
    public static void Check(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        var input = CheckInput(options.Input, findings);
        var output = CheckOutput(options.Output, findings);
        if (input is null || output is null)
            return;
        if (RealPath(input) == RealPath(output))
            findings.Problem($"output {options.Output} is the input itself: it would be destroyed");
        else if (File.Exists(output))
            findings.Note($"{options.Output} exists and is replaced");
    }

    // The full path where it is a file that exists.
    private static string? CheckInput(string input, RestyleOptionsValidator.Findings findings)
    {
        if (input.Length == 0)
            findings.Problem("input is missing: give --input FILE");
        else if (input.StartsWith("test:", StringComparison.Ordinal))
            findings.Require(input.Length > "test:".Length, "input test: needs the name of a test picture, such as test:testsrc2");
        else if (Directory.Exists(input))
            findings.Problem($"input {input} is a folder, not a video file");
        else if (!File.Exists(input))
            findings.Problem($"input {input} does not exist");
        else if (new FileInfo(input).Length == 0 && !IsDevice(input))
            findings.Problem($"input {input} is empty");
        else
            return Path.GetFullPath(input);
        return null;
    }

    private static string? CheckOutput(string output, RestyleOptionsValidator.Findings findings)
    {
        if (output.Length == 0)
        {
            findings.Problem("output is missing: give --output FILE");
            return null;
        }
        if (output == "null:")
            return null;
        var path = Path.GetFullPath(output);
        if (Directory.Exists(path))
            findings.Problem($"output {output} is a folder, not a file");
        else if (Path.GetExtension(path).Length < 2)
            findings.Problem($"output {output} needs an extension that names the container, such as .mp4 or .mkv");
        else if (!Directory.Exists(Path.GetDirectoryName(path)))
            findings.Problem($"the folder of output {output} does not exist");
        else
            return path;
        return null;
    }

    // A pipe such as /dev/stdin or /dev/fd/63 has no length and may well hold a video.
    private static bool IsDevice(string input) => Path.GetFullPath(input) is var path && (path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal));

    private static string RealPath(string path) =>
        File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
}
