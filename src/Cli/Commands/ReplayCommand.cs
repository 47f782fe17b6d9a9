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
    private readonly Option<int?> _steps = new("--steps")
    {
        HelpName = "N",
        Description = "Another number of denoising steps throughout. Default: the session's own.",
    };
    private readonly Option<string?> _size = new("--size", "-s")
    {
        HelpName = "WxH",
        Description = "Another picture size. Default: the session's own.",
    };
    private readonly Option<string?> _model = new("--model", "-m")
    {
        HelpName = "NAME",
        Description = "Another model, or the same one elsewhere. Default: the session's own.",
    };
    private readonly Option<string?> _vae = new("--vae")
    {
        HelpName = "NAME",
        Description = "Another autoencoder. Default: the session's own.",
    };
    private readonly Option<string?> _device = new("--device")
    {
        HelpName = "DEVICE",
        Description = "Another device, also in place of the session's ranks. Default: the session's own.",
    };
    private readonly Option<string?> _ranks = new("--ranks")
    {
        HelpName = "LIST",
        Description = "Other ranks, as for a run. Default: the session's own.",
    };
    private readonly Option<string?> _type = new("--dtype")
    {
        HelpName = "TYPE",
        Description = "Another type: auto, float32 or bfloat16. Default: the session's own.",
    };
    private readonly Option<int?> _threads = new("--threads")
    {
        HelpName = "N",
        Description = "Another number of compute threads. Default: the session's own.",
    };
    private readonly Option<string?> _codec = new("--codec")
    {
        HelpName = "NAME",
        Description = "Video encoder, such as ffv1 for a lossless file. Default: as for a run.",
    };
    private readonly Option<int?> _quality = new("--quality")
    {
        HelpName = "N",
        Description = "Constant quality of the encoder, lower is better. Default: as for a run.",
    };
    private readonly Option<string?> _contactSheet = new("--contact-sheet")
    {
        HelpName = "FILE",
        Description = "Write a few frames before and after as one PNG or JPEG. Default: none.",
    };
    private readonly Restyle _restyle;

    public ReplayCommand(Restyle restyle)
        : base("replay", "Run a recorded session again: the same output bit for bit, or a better one of the same take. Example: "
            + "streamdiff replay take.log --input in.mp4 --output out.mp4 --steps 4")
    {
        _restyle = restyle;
        Add(_log);
        foreach (var option in (Option[])
        [
            _input, _output, _steps, _size, _model, _vae, _device, _ranks, _type, _threads, _codec, _quality, _contactSheet,
        ])
            Add(option);
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        LogReplay replay;
        try
        {
            replay = LogReplay.Open(parse.GetRequiredValue(_log));
        }
        catch (ControlException e)
        {
            return Usage.Report([e.Message], "replay");
        }
        var problems = new List<string>();
        var outputs = string.Join(RestyleOptions.OutputSeparator, parse.GetRequiredValue(_output));
        var check = RestyleOptionsValidator.Check(
            Changed(replay.Options(parse.GetRequiredValue(_input), outputs), parse, problems), new ModelCatalog(),
            FileUse.Read("session log", parse.GetRequiredValue(_log)));
        if (problems.Count + check.Problems.Count > 0)
            return Usage.Report([.. problems, .. check.Problems], "replay");
        var notes = new RunNotes();
        notes.Tell(check.Notes.Concat(replay.Notes(check.Options, check.Model!)));

        using var signals = new CancelOnSignal();
        using var session = replay.Begin(check.Options);
        session.Controls.Applied += applied => Say.Line(applied.ToString());
        RestyleResult result;
        try
        {
            result = _restyle(session.Options, session.Controls,
                RunText.Progress(notes, new ProgressLines<RestyleProgress>(p => $"{RunText.Summary(p)}  {RunText.Stages(p)}")),
                signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return signals.ExitCodeOr(ExitCode.Failed);
        }
        notes.Tell(result.Notes);
        Console.Out.WriteLine(RunText.Finished(check.Options.Outputs, result.Progress, result.Cancelled));
        if (result.Cancelled)
            return signals.ExitCodeOr(ExitCode.Failed);
        var outcome = session.Compare();
        Console.Out.WriteLine(outcome.Text);
        return outcome.IsAsExpected ? ExitCode.Ok : ExitCode.Failed;
    }

    private RestyleOptions Changed(RestyleOptions options, ParseResult parse, List<string> problems)
    {
        options = options with
        {
            Steps = parse.GetValue(_steps) ?? options.Steps,
            Model = parse.GetValue(_model) ?? options.Model,
            Vae = parse.GetValue(_vae) ?? options.Vae,
            Device = parse.GetValue(_device) ?? options.Device,
            Ranks = parse.GetValue(_ranks) ?? (parse.GetValue(_device) is null ? options.Ranks : null),
            Type = parse.GetValue(_type) ?? options.Type,
            Threads = parse.GetValue(_threads) ?? options.Threads,
            VideoCodec = parse.GetValue(_codec),
            Quality = parse.GetValue(_quality),
            ContactSheet = parse.GetValue(_contactSheet),
        };
        if (parse.GetValue(_size) is not { } size)
            return options;
        try
        {
            return options with { Size = OptionText.Size(size) };
        }
        catch (FormatException e)
        {
            problems.Add($"size {e.Message}");
            return options;
        }
    }
}
