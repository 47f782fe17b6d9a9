using System.CommandLine;
using System.CommandLine.Parsing;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Options;

/// <summary>
/// Input and output of a run without their options' names: <c>streamdiff run in.mp4 out.mp4</c>. Words fill what no option names, input
/// first.
/// </summary>
internal sealed class FileArguments
{
    private readonly Argument<string?> _input = new("INPUT") { Arity = ArgumentArity.ZeroOrOne, Description = "The same as --input." };
    private readonly Argument<string?> _output = new("OUTPUT")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "The same as --output, but never replaces a file.",
    };

    /// <summary>Shows them in the help of a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_input);
        command.Add(_output);
    }

    /// <summary>Reads them.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="hasInput">True where an option names the input.</param>
    /// <param name="hasOutput">True where an option names the outputs.</param>
    /// <param name="prompt">The prompt, where one is given: the words that follow may belong to it.</param>
    public Found Read(ParseResult parse, bool hasInput, bool hasOutput, string? prompt)
    {
        var literal = parse.Tokens.SkipWhile(t => t.Type != TokenType.DoubleDash).Skip(1).Count();
        var words = LooseWords.Of([.. Tokens(parse, _input), .. Tokens(parse, _output), .. parse.UnmatchedTokens], literal).ToList();
        var known = parse.CommandResult.Command.Options.Select(o => o.Name).ToList();
        var problems = words.Where(w => w.IsOption).Select(w => LooseWords.UnknownOption(w.Text, known)).ToList();
        // Which words are values of options that are not known cannot be told: they are not taken for files.
        if (problems.Count > 0)
            return new Found(null, null, problems, IsAmbiguous: !(hasInput && hasOutput));

        string? input = null, output = null;
        var left = new List<string>();
        foreach (var (text, _) in words)
        {
            if (prompt is not null && !IsAddress(text) || (hasInput || input is not null) && (hasOutput || output is not null))
                left.Add(text);
            else if (!hasInput && input is null)
                input = text;
            else
                output = text;
        }
        if (left.Count > 0)
            problems.Add(prompt is null || left.TrueForAll(IsAddress)
                ? $"unknown argument '{left[0]}': a run has one input and one output; of several outputs each is named with --output"
                : $"unknown argument '{left[0]}': a prompt of several words is put in quotes: --prompt \"{prompt} "
                    + $"{string.Join(' ', left)}\"");
        return new Found(input, output, problems, IsAmbiguous: false);
    }

    // A file with an extension, an address, or whatever is there; beside a prompt other words are part of it and lack its quotes.
    private static bool IsAddress(string text) => text.AsSpan().IndexOfAny('.', ':', '/') >= 0 || File.Exists(text);

    private static IEnumerable<string> Tokens(ParseResult parse, Argument<string?> argument) =>
        parse.GetResult(argument)?.Tokens.Select(t => t.Value) ?? [];

    /// <summary>What was found.</summary>
    /// <param name="Input">Null where no word names it.</param>
    /// <param name="Output">Null where no word names it.</param>
    /// <param name="Problems">What has no meaning.</param>
    /// <param name="IsAmbiguous">True where a missing input or output may be among the words of <paramref name="Problems"/>.</param>
    public sealed record Found(string? Input, string? Output, IReadOnlyList<string> Problems, bool IsAmbiguous);
}
