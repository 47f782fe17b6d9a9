using System.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>The options of <c>run</c> that say what computes and where, for commands that bring their own pictures.</summary>
/// <param name="more">Names of other options of <c>run</c>.</param>
public sealed class ModelOptions(params string[] more)
{
    private TableOptions? _options;

    public void AddTo(Command command) =>
        _options = new TableOptions(command, ["model", "lora", "lora-live", .. more, "mode", "rope", "vae", "device", "dtype", "precision",
            "heads", "threads"]);

    /// <summary>The options as given, defaults otherwise; adds what is wrong.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="problems">Told everything that is wrong.</param>
    /// <param name="variants">What else the options will be used with; null for nothing else.</param>
    public RestyleOptions Read(ParseResult parse, List<string> problems, IEnumerable<Func<RestyleOptions, RestyleOptions>>? variants = null)
    {
        var given = new GivenOptions(OptionUse.Run);
        _options!.Give(parse, given);
        var options = given.Read(RestyleOptions.Of("test:testsrc2", "null:"));
        problems.AddRange(given.Problems.Select(p => p.Text));
        var checks = (variants ?? [o => o]).Select(v => RestyleOptionsValidator.Check(v(options), new ModelCatalog())).ToList();
        problems.AddRange(checks.SelectMany(c => c.Problems).Distinct());
        return checks.Count == 1 ? checks[0].Options : options;
    }
}
