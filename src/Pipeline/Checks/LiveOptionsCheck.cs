using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What can be said of a live run's options without opening anything.</summary>
internal static class LiveOptionsCheck
{
    public static void Check(RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        var outputs = options.Output.Addresses;
        CheckInput(options.Input, findings);
        findings.Require(outputs.Count > 0, "output is missing: give --output FILE or an address");
        foreach (var output in outputs)
            CheckOutput(output, options, findings);
        findings.Require(options.Input.Start is null || !options.Input.Address.IsLive,
            "start is for files: a live input begins when it is opened");
        var addresses = outputs.Where(o => o.Kind is not (MediaKind.File or MediaKind.Null)).ToList();
        findings.Require(addresses.Distinct().Count() == addresses.Count, "the same output is given twice");
        findings.Require(options.Live.Deadline is null || !options.IsPassthrough,
            "deadline needs a model: passthrough has nothing to give up");
        if (options is { Live: { Deadline: not null, IsAsked: false }, IsPassthrough: false, HasLiveAddress: false })
            findings.Note("with a deadline the input is played at the speed of time, as --live does");
        findings.Require(options.Live.FallbackFile is null || File.Exists(options.Live.FallbackFile),
            $"fallback must be last, slate or an image file that exists, not {options.Live.Fallback}");
        findings.Require(options.Output.ContactSheet is null, "contact-sheet is for files: a live run has none");
        findings.Require(options.Sampling.Mode != DenoisingMode.TextToVideo,
            "mode text-to-video is for files: a live run restyles its source");
        if (options.Output.SegmentTime is not null && outputs.All(o => o.Kind != MediaKind.File))
            findings.Note("segment-time has no effect without an output file");
    }

    private static void CheckInput(InputOptions options, RestyleOptionsValidator.Findings findings)
    {
        var address = options.Address;
        var input = address.Text;
        if (input.Length == 0)
            findings.Problem("input is missing: give --input FILE or an address");
        else if (address.Kind == MediaKind.Null)
            findings.Problem("input null: is none; a test picture is test:testsrc2");
        else if (address.Kind == MediaKind.File && options.WaitForSource is null && !File.Exists(input))
            findings.Problem($"input {input} does not exist{MediaAddress.Hint(input)}");
        else if (address.Kind is MediaKind.Srt or MediaKind.Udp or MediaKind.Browser or MediaKind.Hls or MediaKind.Relay
            or MediaKind.Other)
            Try(findings, () => SourceOpener.Check(input));
    }

    private static void CheckOutput(MediaAddress address, RestyleOptions options, RestyleOptionsValidator.Findings findings)
    {
        var (output, isFile) = (address.Text, address.Kind == MediaKind.File);
        // The rule for files says what is wrong with its name.
        if (!isFile || FileRules.Obstacle(FileUse.Write("output", output)) is null)
            Try(findings, () => LiveSinks.Check(SinkOptions(options, output)));
        if (isFile && File.Exists(output))
            findings.Note($"{output} exists and is kept: the recording gets a number");
    }

    /// <summary>An output as far as it is known before the model is.</summary>
    internal static LiveSinkOptions SinkOptions(RestyleOptions options, string output)
    {
        // Which encoders open does not depend on it, as long as it is no stamp.
        var size = options.Frame.Size ?? (256, 256);
        return options.Output.ForLive(output, size, new Rational(30, 1), options.Input.Audio);
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
}
