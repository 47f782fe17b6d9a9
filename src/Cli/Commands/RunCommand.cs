using System.CommandLine;
using System.CommandLine.Parsing;
using StreamDiff.Cli.Control;
using StreamDiff.Cli.Live;
using StreamDiff.Cli.Options;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands;

/// <summary>Does the work of a run; <see cref="FileRestyle.Run"/>, or a stand-in of a test.</summary>
internal delegate RestyleResult Restyle(
    RestyleOptions options, StreamControls? controls, IProgress<RestyleProgress> progress, CancellationToken cancellation);

/// <summary><c>streamdiff run</c>: restyle one file.</summary>
internal sealed class RunCommand : Command, ICheckedCommand, ITellingCommand
{
    private readonly Restyle _restyle;
    private readonly TableOptions _options;
    private readonly FileArguments _files = new();
    private readonly Option<string?> _config = new("--config", "-c")
    {
        HelpName = "FILE",
        Description = "Options from a YAML or JSON file, one 'name: value' each; the command line wins.",
    };
    private readonly Option<string?> _logFormat = JsonLog.Option();
    private readonly Option<bool> _noAudio = new("--no-audio") { Description = "Leave the sound out." };
    private readonly Option<bool> _verbose = new("--verbose", "-v")
    {
        Description = "Print the effective configuration, which is a configuration file itself.",
    };

    public RunCommand(Restyle restyle)
        : base("run", "Restyle a video or a live stream. Example: streamdiff run in.mp4 out.mp4 --prompt \"an oil painting\"")
    {
        _restyle = restyle;
        _files.AddTo(this);
        _options = new TableOptions(this, OptionTable.Of(OptionUse.Run));
        Add(_noAudio);
        Add(_config);
        Add(_verbose);
        Add(_logFormat);
        SetAction(parse => Run(parse));
    }

    /// <summary>The options of a command line, with everything that is wrong with them.</summary>
    public RestyleCheck Check(ParseResult parse) => Check(parse, new GivenOptions(OptionUse.Run));

    public IEnumerable<string> Problems(ParseResult parse) => Check(parse).Problems;

    private int Run(ParseResult parse)
    {
        var given = new GivenOptions(OptionUse.Run);
        var check = Check(parse, given);
        if (check.Problems.Count > 0)
            return Usage.Report(check.Problems, "run");
        if (parse.GetValue(_verbose))
            foreach (var line in EffectiveOptions.Lines(check.Options, given, check.Model))
                Console.Out.WriteLine(line);
        if (parse.GetValue(_verbose) && check.Model is { } model)
            foreach (var line in LoraReport.ByLayer(check.Options.Compute.Loras, check.Options.Compute.LoraLive, model))
                Console.Out.WriteLine($"# {line}");
        var notes = new RunNotes();
        notes.Tell(check.Notes);

        using var signals = new CancelOnSignal();
        using var desk = ControlDesk.For(check.Options.Control, signals.Stop);
        try
        {
            if (check.Options.IsLive)
                return LiveWork.Run(check.Options, signals, desk);
            return Finish(check.Options, Work(check.Options, desk, notes, signals.Token), notes, signals);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return signals.ExitCodeOr(ExitCode.Failed);
        }
    }

    private static int Finish(RestyleOptions options, RestyleResult result, RunNotes notes, CancelOnSignal signals)
    {
        notes.Tell(result.Notes);
        RunResults.Tell(options, result);
        return result.Cancelled ? signals.ExitCodeOr(ExitCode.Failed) : ExitCode.Ok;
    }

    private RestyleCheck Check(ParseResult parse, GivenOptions given)
    {
        var hasOutput = parse.GetResult("--output") is OptionResult { Implicit: false };
        var prompt = parse.GetResult("--prompt")?.Tokens is [var first, ..] ? first.Value : null;
        var files = _files.Read(parse, parse.GetResult("--input") is not null, hasOutput, prompt);
        // What is missing may stand in a file that cannot be read, or among words that are not understood: only that is told.
        if (files.IsAmbiguous || Given(parse, _config) is { } file && !ConfigFile.Read(file, given))
            return Wrong(new RestyleOptions());
        if (files.Input is not null)
            given.Give("input", [files.Input], "INPUT");
        if (files.Output is not null)
            given.Give("output", [files.Output], "OUTPUT");
        _options.Give(parse, given);
        if (JsonLog.Problem(Given(parse, _logFormat)) is { } wrongFormat)
            given.Add(new OptionProblem(wrongFormat));
        if (parse.GetValue(_noAudio))
        {
            if (parse.GetResult("--audio") is not null)
                given.Add(new OptionProblem("--audio and --no-audio contradict each other"));
            given.Give("audio", ["false"], "--no-audio");
        }
        var options = given.Read(new RestyleOptions());
        if (given.MayLackNothing)
            return Wrong(options);
        // "run *.mp4" may name two videos: nobody said that the second is to be lost.
        if (files.Output is { } output && output != options.Input.Address.Text && File.Exists(output) && new FileInfo(output).Length > 0
            && !options.IsLive)
            given.Add(new OptionProblem($"output {output} exists: --output {output} replaces it"));
        var check = RestyleOptionsValidator.Check(options, new ModelCatalog(), FileUse.Reads(("config file", Given(parse, _config))));
        return check with { Problems = [.. Wrong(options).Problems, .. check.Problems] };

        RestyleCheck Wrong(RestyleOptions options) => new(options, null, [.. files.Problems, .. given.Problems.Select(p => p.At())], []);
    }

    // Null also for an option without its value, and the first of several values: the parser has complained about both already.
    private static string? Given(ParseResult parse, Option<string?> option) => parse.GetResult(option) is not { Implicit: false } result
        ? null
        : result.Errors.Any() ? result.Tokens.Count > 0 ? result.Tokens[0].Value : null : result.GetValueOrDefault<string?>();

    private RestyleResult Work(RestyleOptions options, ControlDesk? desk, RunNotes notes, CancellationToken cancellation)
    {
        desk?.Open(Say.Line);
        // What is typed and told line by line has no place beside a bar that is redrawn.
        if (LiveBar.IsPossible && desk is null)
            return LiveBar.Run(draw => _restyle(options, null, RunText.Progress(notes,
                new DirectProgress<RestyleProgress>(p => draw(RunText.Share(p), RunText.Summary(p), RunText.Stages(p)))), cancellation));
        Say.Line($"restyling {options.Input.Address.Text} with {options.Compute.Model}");
        return _restyle(options, desk?.Controls,
            RunText.Progress(notes, RunResults.Progress()), cancellation);
    }
}
