using System.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>A command that can tell what is wrong with its options although the command line as a whole cannot be parsed.</summary>
public interface ICheckedCommand
{
    IEnumerable<string> Problems(ParseResult parse);
}

/// <summary>Parses and runs a command line; every way out of the program ends here.</summary>
public static class CommandRunner
{
    public static async Task<int> Run(RootCommand root, string[] args)
    {
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
            Environment.Exit(Failure.Report(e.ExceptionObject as Exception ?? new InvalidOperationException("unknown failure")));
        HelpOnce.For(root);
        // A prompt may begin with '@': no response files. "-steps" is a mistake for "--steps", not "-s" with the value "teps".
        var parse = root.Parse(args.Length == 0 ? ["--help"] : args,
            new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parse.Errors.Count > 0)
            return Usage.Report(Problems(parse), Path(parse));
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
            return ExitCode.Signal + 2;
        }
        catch (Exception e)
        {
            return Failure.Report(e);
        }
    }

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
