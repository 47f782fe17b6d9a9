using System.CommandLine;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff replay</c>: run a recorded session again.</summary>
internal sealed class ReplayCommand : Command, ITellingCommand
{
    private readonly Argument<string> _log = new("LOG") { Description = "Session log of 'streamdiff run --log'." };
    private readonly Option<string> _input = new("--input", "-i")
    {
        HelpName = "FILE",
        Description = "The frames of the session's source, in a file.",
        Required = true,
    };
    private readonly Option<string[]> _output = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = "Video to write; null: only compares. Several times: all of them at once.",
        Required = true,
    };
    private readonly Option<string?> _logFormat = JsonLog.Option();
    private readonly TableOptions _options;
    private readonly Restyle _restyle;

    public ReplayCommand(Restyle restyle)
        : base("replay", "Run a recorded session again: the same output bit for bit, or a better one of the same take. Example: "
            + "streamdiff replay take.log --input in.mp4 --output out.mp4 --steps 4")
    {
        _restyle = restyle;
        Add(_log);
        Add(_input);
        Add(_output);
        _options = new TableOptions(this,
            ["steps", "size", "model", "lora", "heads", "vae", "device", "ranks", "dtype", "threads", "codec", "quality", "contact-sheet"],
            ("steps", "Another number of denoising steps throughout. Default: the session's own."),
            ("size", "Another picture size. Default: the session's own."),
            ("model", "Another model, or the same one elsewhere. Default: the session's own."),
            ("lora", "Other LoRAs, or the same ones elsewhere. Default: the session's own."),
            ("heads", "Another split of heads, the same one elsewhere, on, or off. Default: the session's own."),
            ("vae", "Another autoencoder. Default: the session's own."),
            ("device", "Another device, also in place of the session's ranks. Default: the session's own."),
            ("ranks", "Other ranks, as for a run. Default: the session's own."),
            ("dtype", "Another type: auto, float32 or bfloat16. Default: the session's own."),
            ("threads", "Another number of compute threads. Default: the session's own."),
            ("codec", "Video encoder, such as ffv1 for a lossless file. Default: as for a run."));
        Add(_logFormat);
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        var given = new GivenOptions(OptionUse.Run);
        _options.Give(parse, given);
        if (JsonLog.Problem(parse.GetValue(_logFormat)) is { } wrongFormat)
            given.Add(new OptionProblem(wrongFormat));
        LogReplay replay;
        RestyleOptions wanted;
        try
        {
            replay = LogReplay.Open(parse.GetRequiredValue(_log));
            wanted = given.Read(replay.Options(parse.GetRequiredValue(_input), parse.GetRequiredValue(_output),
                keepsRanks: !given.IsGiven("device") && !given.IsGiven("ranks")));
        }
        catch (ControlException e)
        {
            return Usage.Report([e.Message], "replay");
        }
        var check = RestyleOptionsValidator.Check(
            wanted, new ModelCatalog(), FileUse.Read("session log", parse.GetRequiredValue(_log)));
        if (given.Problems.Count + check.Problems.Count > 0)
            return Usage.Report([.. given.Problems.Select(p => p.Text), .. check.Problems], "replay");
        var notes = new RunNotes();
        notes.Tell(check.Notes.Concat(replay.Notes(check.Options, check.Model!)));

        using var signals = new CancelOnSignal();
        using var session = replay.Begin(check.Options);
        session.Controls.Applied += applied => Say.Line(applied.ToString());
        RestyleResult result;
        try
        {
            result = _restyle(session.Options, session.Controls,
                RunText.Progress(notes, RunResults.Progress()),
                signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return signals.ExitCodeOr(ExitCode.Failed);
        }
        notes.Tell(result.Notes);
        RunResults.Tell(check.Options, result);
        if (result.Cancelled)
            return signals.ExitCodeOr(ExitCode.Failed);
        var outcome = session.Compare();
        RunResults.TellComparison(outcome.Text, outcome.IsAsExpected);
        return outcome.IsAsExpected ? ExitCode.Ok : ExitCode.Failed;
    }
}
