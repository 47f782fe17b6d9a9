using System.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>A command that can tell what is wrong with its options although the command line as a whole cannot be parsed.</summary>
public interface ICheckedCommand
{
    IEnumerable<string> Problems(ParseResult parse);
}

/// <summary>A command whose results are files or streams: what it prints only tells of them.</summary>
public interface ITellingCommand;

/// <summary>Parses and runs a command line; every way out of the program ends here.</summary>
public static class CommandRunner
{
    // What is left after the work is done and told: threads of libraries that end, and destructors.
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(10);

    /// <summary>The whole program: what it prints goes through <see cref="StandardStreams"/>.</summary>
    public static async Task<int> RunProgram(RootCommand root, string[] args)
    {
        StandardStreams.TakeOver();
        AppDomain.CurrentDomain.UnhandledException += (_, e) => End(Unhandled(e.ExceptionObject as Exception));
        var code = StandardStreams.Finish(await Run(root, args).ConfigureAwait(false));
        WatchTheEnd(code);
        return code;
    }

    /// <summary>Parses and runs, and reports what fails.</summary>
    public static async Task<int> Run(RootCommand root, string[] args)
    {
        HelpOnce.For(root);
        // A prompt may begin with '@': no response files. "-steps" is a mistake for "--steps", not "-s" with the value "teps".
        var parse = root.Parse(args.Length == 0 ? ["--help"] : args,
            new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (JsonLog.IsAskedFor(args) && parse.Action is not (HelpOnce or System.CommandLine.Help.HelpAction))
            JsonLog.Begin();
        if (parse.Errors.Count > 0)
            return Usage.Report(Problems(parse), Path(parse));
        if (parse.CommandResult.Command is ITellingCommand && parse.Action is not HelpOnce)
            StandardStreams.OutOnlyTells();
        try
        {
            return await parse.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Say.Line("stopped");
            return ExitCode.Signal + (CancelOnSignal.Heard ?? 2);
        }
        catch (Exception e)
        {
            return Failure.Report(e);
        }
    }

    private static int Unhandled(Exception? exception)
    {
        try
        {
            return Failure.Report(exception ?? new InvalidOperationException("unknown failure"));
        }
        catch (Exception)
        {
            // Not even that can be said, for want of memory for one.
            return ExitCode.Failed;
        }
    }

    private static void End(int code)
    {
        WatchTheEnd(code);
        Environment.Exit(code);
    }

    // A library that waits for a thread that never began (no memory for its stack) would hold the ended program up for ever.
    private static void WatchTheEnd(int code) => NativeExit.After(EndTime, code);

    // What cannot be parsed and what cannot be done are told together.
    private static IEnumerable<string> Problems(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        var known = command.Options.Select(o => o.Name).Concat(command.Subcommands.Select(c => c.Name)).ToList();
        // A run tells of them itself: some are its files.
        if (command is not ICheckedCommand)
            foreach (var (text, isOption) in LooseWords.Of(parse.UnmatchedTokens))
                yield return isOption ? LooseWords.UnknownOption(text, known)
                    : $"unknown {(command.Subcommands.Count > 0 ? "command" : "argument")} '{text}'{Suggestion.For(text, known)}";
        foreach (var error in parse.Errors.Where(e =>
            !parse.UnmatchedTokens.Any(t => e.Message.Contains($"'{t}'", StringComparison.Ordinal))))
            if (parse.UnmatchedTokens.Count == 0 || error.SymbolResult is not System.CommandLine.Parsing.CommandResult)
                yield return Text(error);
        if (command is ICheckedCommand check)
            foreach (var problem in check.Problems(parse))
                yield return problem;
    }

    private static string Text(System.CommandLine.Parsing.ParseError error) =>
        error.SymbolResult is System.CommandLine.Parsing.OptionResult
        {
            IdentifierTokenCount: > 1 and var times,
            Option: { Arity.MaximumNumberOfValues: 1 } option
        }
            ? $"{option.Name} was given {times} times: give it once"
            : error.SymbolResult is System.CommandLine.Parsing.CommandResult { Command.Subcommands: { Count: > 0 } commands }
            ? $"a command is missing: {string.Join(", ", commands.Where(c => !c.Hidden).Select(c => c.Name))}"
            : error.Message.TrimEnd('.');

    private static string Path(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = parse.CommandResult; result.Parent is System.CommandLine.Parsing.CommandResult parent; result = parent)
            names.Insert(0, result.Command.Name);
        return string.Join(' ', names);
    }
}
