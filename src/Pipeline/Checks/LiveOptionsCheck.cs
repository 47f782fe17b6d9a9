using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What can be said of a live run's options without opening anything.</summary>
internal static class LiveOptionsCheck
{
    private const int SmallestBitRate = 50;
    private const int LargestBitRate = 200_000;

    public static void Check(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        CheckInput(options, findings);
        var wait = options.WaitForSource;
        findings.Require(wait is null or >= 0, $"wait-for-source must be at least 0 seconds, not {Text(wait)}");
        findings.Require(options.SourceGone is null or (>= 1 and <= 1e9),
            $"source-gone must be at least 1 second, not {Text(options.SourceGone)}");
        findings.Require(options.Outputs.Count > 0, "output is missing: give --output FILE or an address");
        foreach (var output in options.Outputs)
            CheckOutput(output, findings);
        findings.Require(options.Start is null || !MediaAddress.Parse(options.Input).IsLive,
            "start is for files: a live input begins when it is opened");
        var addresses = options.Outputs.Where(o => MediaAddress.Parse(o).Kind is not (MediaKind.File or MediaKind.Null)).ToList();
        findings.Require(addresses.Distinct().Count() == addresses.Count, "the same output is given twice");
        findings.Require(options.Deadline is null or (>= 1 and <= 60_000),
            $"deadline must be from 1 to 60000 milliseconds, not {Text(options.Deadline)}");
        findings.Require(options.Deadline is null || options.Model != RestyleOptions.Passthrough,
            "deadline needs a model: passthrough has nothing to give up");
        findings.Require(options.SegmentTime is null or >= 1, $"segment-time must be at least 1 second, not {Text(options.SegmentTime)}");
        findings.Require(options.VideoBitRate is null or (>= SmallestBitRate and <= LargestBitRate),
            $"bitrate must be from {SmallestBitRate} to {LargestBitRate} kbit/s, not {options.VideoBitRate}");
        findings.Require(options.Fallback is FallbackFrame.Last or FallbackFrame.Slate || File.Exists(options.Fallback),
            $"fallback must be last, slate or an image file that exists, not {options.Fallback}");
        findings.Require(options.ContactSheet is null, "contact-sheet is for files: a live run has none");
        findings.Require(options.Mode != DenoisingMode.TextToVideo, "mode text-to-video is for files: a live run restyles its source");
        if (options.SegmentTime is not null && options.Outputs.All(o => MediaAddress.Parse(o).Kind != MediaKind.File))
            findings.Note("segment-time has no effect without an output file");
    }

    private static void CheckInput(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        var input = options.Input;
        var address = MediaAddress.Parse(input);
        if (input.Length == 0)
            findings.Problem("input is missing: give --input FILE or an address");
        else if (address.Kind == MediaKind.Null)
            findings.Problem("input null: is none; a test picture is test:testsrc2");
        else if (address.Kind == MediaKind.File && options.WaitForSource is null && !File.Exists(input))
            findings.Problem($"input {input} does not exist{MediaAddress.Hint(input)}");
        else if (address.Kind is MediaKind.Srt or MediaKind.Browser or MediaKind.Other)
            Try(findings, () => SourceOpener.Check(input));
    }

    private static void CheckOutput(string output, RestyleOptionsValidator.Findings findings)
    {
        var isFile = MediaAddress.Parse(output).Kind == MediaKind.File;
        // The rule for files says what is wrong with its name.
        if (!isFile || FileRules.Obstacle(FileUse.Write("output", output)) is null)
            Try(findings, () => LiveSinks.Check(output));
        if (isFile && File.Exists(output))
            findings.Note($"{output} exists and is kept: the recording gets a number");
    }

    private static void Try(RestyleOptionsValidator.Findings findings, Action check)
    {
        try
        {
            check();
        }
        catch (MediaException error)
        {
            findings.Problem(error.Message.TrimEnd('.'));
        }
    }

    private static string Text(double? value) => FormattableString.Invariant($"{value}");
}
