using System.CommandLine;
using StreamDiff.Cli.Control;
using StreamDiff.Cli.Live;
using StreamDiff.Cli.Options;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control.Steering;
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
    private readonly List<(RunOption Run, Option<string?> Option)> _options = [];
    private readonly FileArguments _files = new();
    private readonly Option<string?> _config = new("--config", "-c")
    {
        HelpName = "FILE",
        Description = "Options from a YAML or JSON file, one 'name: value' each; the command line wins.",
    };
    private readonly Option<string[]> _outputs = new("--output", "-o") { HelpName = "FILE", Description = RunOptions.Find("output")!.Help };
    private readonly Option<string?> _logFormat = new("--log-format")
    {
        HelpName = "FORMAT",
        Description = "How a live run reports: text or json, one object a line. Default: text.",
    };
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
        foreach (var run in RunOptions.All)
            Add(run);
        Add(_noAudio);
        Add(_config);
        Add(_verbose);
        Add(_logFormat);
        SetAction(parse => Run(parse));
    }

    /// <summary>The options of a command line, with everything that is wrong with them.</summary>
    public RestyleCheck Check(ParseResult parse) => Check(parse, new OptionMerge());

    public IEnumerable<string> Problems(ParseResult parse) => Check(parse).Problems;

    private void Add(RunOption run)
    {
        if (run.Name == "output")
        {
            Add(_outputs);
            return;
        }
        var option = new Option<string?>($"--{run.Name}", run.Alias is null ? [] : [run.Alias])
        {
            HelpName = run.Value,
            Description = run.Help,
        };
        if (MayStandAlone(run))
            option.Arity = ArgumentArity.ZeroOrOne;
        _options.Add((run, option));
        Add(option);
    }

    // "--live" alone means true.
    private static bool MayStandAlone(RunOption run) => run.Name is "live" or "wait-for-source";

    private int Run(ParseResult parse)
    {
        var merge = new OptionMerge();
        var check = Check(parse, merge);
        if (check.Problems.Count > 0)
            return Usage.Report(check.Problems, "run");
        if (parse.GetValue(_verbose))
            foreach (var line in merge.Describe(check.Options, check.Model?.Config))
                Console.Out.WriteLine(line);
        var notes = new RunNotes();
        notes.Tell(check.Notes);

        using var signals = new CancelOnSignal();
        var desk = ControlDesk.For(check.Options, signals.Stop);
        try
        {
            if (check.Options.IsLive)
                return LiveWork.Run(check.Options, Given(parse, _logFormat) == "json", signals, desk);
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
        Console.Out.WriteLine(RunText.Finished(options.Outputs, result.Progress, result.Cancelled));
        if (RunText.Stages(result.Progress) is { Length: > 0 } stages)
            Console.Out.WriteLine($"per chunk: {stages}");
        return result.Cancelled ? signals.ExitCodeOr(ExitCode.Failed) : ExitCode.Ok;
    }

    private RestyleCheck Check(ParseResult parse, OptionMerge merge)
    {
        var (hasInput, hasOutput) = (parse.GetResult("--input") is not null, parse.GetResult(_outputs) is { Implicit: false });
        var files = _files.Read(parse, hasInput, hasOutput, parse.GetResult("--prompt")?.Tokens is [var first, ..] ? first.Value : null);
        // What is missing may stand in a file that cannot be read, or among words that are not understood: only that is told.
        if (files.IsAmbiguous || Given(parse, _config) is { } file && !ConfigFile.Read(file, merge))
            return new RestyleCheck(RunOptions.Defaults, null, [.. files.Problems, .. merge.Problems], []);
        if (files.Input is not null)
            merge.Give(RunOptions.Find("input")!, new GivenValue(files.Input, "INPUT"));
        if (files.Output is not null)
            merge.Give(RunOptions.Find("output")!, new GivenValue(files.Output, "OUTPUT"));
        foreach (var (run, option) in _options)
            if ((Given(parse, option) ?? Alone(run, option)) is { } text)
                merge.Give(run, new GivenValue(text, $"--{run.Name}"));
        if (parse.GetResult(_outputs) is { Implicit: false } outputs && !outputs.Errors.Any())
            merge.Give(RunOptions.Find("output")!,
                new GivenValue(string.Join(RestyleOptions.OutputSeparator, outputs.GetValueOrDefault<string[]>() ?? []), "--output"));
        if (Given(parse, _logFormat) is { } format and not ("text" or "json"))
            merge.Problems.Add($"log-format must be text or json, not {format}");
        if (parse.GetValue(_noAudio))
        {
            if (parse.GetResult("--audio") is not null)
                merge.Problems.Add("--audio and --no-audio contradict each other");
            merge.Give(RunOptions.Find("audio")!, new GivenValue("false", "--no-audio"));
        }
        var options = merge.Build();
        if (merge.MayLackNothing)
            return new RestyleCheck(options, null, [.. files.Problems, .. merge.Problems], []);
        // "run *.mp4" may name two videos: nobody said that the second is to be lost.
        if (files.Output is { } output && output != options.Input && File.Exists(output) && new FileInfo(output).Length > 0
            && !options.IsLive)
            merge.Problems.Add($"output {output} exists: --output {output} replaces it");
        var check = RestyleOptionsValidator.Check(options, new ModelCatalog(), FileUse.Reads(("config file", Given(parse, _config))));
        return check with { Problems = [.. files.Problems, .. merge.Problems, .. check.Problems] };

        string? Alone(RunOption run, Option<string?> option) =>
            MayStandAlone(run) && parse.GetResult(option) is { Implicit: false } ? "true" : null;
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
        Say.Line($"restyling {options.Input} with {options.Model}");
        return _restyle(options, desk?.Controls,
            RunText.Progress(notes, new ProgressLines<RestyleProgress>(p => $"{RunText.Summary(p)}  {RunText.Stages(p)}")), cancellation);
    }
}
