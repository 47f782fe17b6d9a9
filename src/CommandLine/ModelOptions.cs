using System.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>The options of <c>run</c> that say what computes and where, for commands that bring their own pictures.</summary>
public sealed class ModelOptions
{
    private static readonly string[] Always = ["model", "mode", "rope", "vae", "device", "dtype", "threads"];

    private readonly List<(RunOption Run, Option<string?> Option)> _options = [];

    /// <param name="more">Names of other options of <c>run</c>.</param>
    public ModelOptions(params string[] more)
    {
        foreach (var name in Always.Take(1).Concat(more).Concat(Always.Skip(1)))
        {
            var run = RunOptions.Find(name)!;
            _options.Add((run, new Option<string?>($"--{run.Name}") { HelpName = run.Value, Description = run.Help }));
        }
    }

    public void AddTo(Command command)
    {
        foreach (var (_, option) in _options)
            command.Add(option);
    }

    /// <summary>The options as given, defaults otherwise; adds what is wrong.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="problems">Told everything that is wrong.</param>
    /// <param name="variants">What else the options will be used with; null for nothing else.</param>
    public RestyleOptions Read(ParseResult parse, List<string> problems, IEnumerable<Func<RestyleOptions, RestyleOptions>>? variants = null)
    {
        var options = RunOptions.Defaults with { Input = "test:testsrc2", Output = "null:" };
        foreach (var (run, option) in _options)
        {
            try
            {
                if (parse.GetValue(option) is { } value)
                    options = run.Set(options, value);
            }
            catch (FormatException e)
            {
                problems.Add($"{run.Name} {e.Message}");
            }
        }
        var checks = (variants ?? [o => o]).Select(v => RestyleOptionsValidator.Check(v(options), new ModelCatalog())).ToList();
        problems.AddRange(checks.SelectMany(c => c.Problems).Distinct());
        return checks.Count == 1 ? checks[0].Options : options;
    }
}
