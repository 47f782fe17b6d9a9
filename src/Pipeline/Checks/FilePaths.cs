using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What can be said of a run's files without opening them.</summary>
internal static class FilePaths
{
    /// <summary>Input and outputs of a run over files.</summary>
    public static void Check(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        CheckInput(options.Input.Address, findings);
        findings.Require(options.Output.Addresses.Count > 0, "output is missing: give --output FILE");
        foreach (var output in options.Output.Addresses.Where(o => o.Kind != MediaKind.Null))
            CheckOutput(output.Text, options.Output, findings);
        if (options.Output.ContactSheet is { Length: > 0 } sheet && StillWriter.Obstacle("contact-sheet", sheet) is { } obstacle)
            findings.Problem(obstacle);
    }

    /// <summary>The rule for files, for everything that a run reads and writes.</summary>
    /// <param name="options">The run.</param>
    /// <param name="model">Its model, where it has one.</param>
    /// <param name="others">Files besides those of the options, such as a configuration file.</param>
    /// <param name="findings">Takes what is wrong, and what is going to be replaced.</param>
    public static void CheckRule(
        RestyleOptions options, Model? model, IEnumerable<FileUse> others, RestyleOptionsValidator.Findings findings)
    {
        FileUse[] uses = [.. others, .. RunFiles.Of(options, model)];
        var problems = FileRules.Problems(uses);
        findings.Problems.AddRange(problems);
        if (problems.Count == 0)
            foreach (var use in uses.Where(u => u.Kind == FileUseKind.Write && File.Exists(u.Path)))
                findings.Note($"{use.Path} exists and is replaced");
    }

    private static void CheckInput(MediaAddress address, RestyleOptionsValidator.Findings findings)
    {
        var input = address.Text;
        if (input.Length == 0)
            findings.Problem("input is missing: give --input FILE");
        else if (input.StartsWith("test:", StringComparison.Ordinal))
            findings.Require(input.Length > "test:".Length, "input test: needs the name of a test picture, such as test:testsrc2");
        else if (address.Kind != MediaKind.File)
            // Whether an address is there shows when it is opened.
            return;
        else if (Directory.Exists(input))
            findings.Problem($"input {input} is a folder, not a video file");
        else if (!File.Exists(input))
            findings.Problem($"input {input} does not exist{MediaAddress.Hint(input)}");
        else if (new FileInfo(input).Length == 0 && !IsDevice(input))
            findings.Problem($"input {input} is empty");
    }

    private static void CheckOutput(string output, OutputOptions options, RestyleOptionsValidator.Findings findings)
    {
        if (Directory.Exists(output))
            return;
        if (Path.GetExtension(output).Length < 2)
            findings.Problem($"output {output} needs an extension that names the container, such as .mp4 or .mkv");
        else if (options.Codec is not { Length: 0 })
            CheckEncoding(output, options, findings);
        if (StillWriter.IsStill(output) && (options.Quality is not null || options.Preset is not null))
            findings.Note($"quality and preset have no effect on a still such as {output}");
    }

    private static void CheckEncoding(string output, OutputOptions options, RestyleOptionsValidator.Findings findings)
    {
        try
        {
            MediaSinks.Check(options.ForFile(output));
        }
        catch (MediaException e)
        {
            findings.Problem(e.Message);
        }
    }

    // A pipe such as /dev/stdin or /dev/fd/63 has no length and may well hold a video.
    private static bool IsDevice(string input) =>
        Path.GetFullPath(input) is var path
            && (path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal));
}
