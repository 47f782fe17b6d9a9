using StreamDiff.Cli.Options;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Serve;

/// <summary>A session as somebody described it: options of a run, and what only a session has.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Options">Checked.</param>
/// <param name="Slo">What it is promised.</param>
internal sealed record SessionPlan(string Name, RestyleOptions Options, SessionSlo Slo)
{
    /// <summary>Options of a run that belong to the whole server.</summary>
    public static readonly string[] Shared = ["model", "vae", "device", "dtype", "threads", "ranks", "vae-device"];

    /// <summary>Options of a run that a session cannot have.</summary>
    private static readonly string[] Others = ["mode", "contact-sheet", "live", "control"];

    /// <summary>Options that a session can have.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. RunOptions.All.Select(o => o.Name).Except(Shared).Except(Others), "model", "name", "first-frame", "weight", "ladder"];

    private static readonly (string Text, Degradation Value)[] Rungs =
        [("fewer-steps", Degradation.FewerSteps), ("tiny-vae", Degradation.TinyVae), ("lower-resolution",
            Degradation.LowerResolution), ("lower-fps", Degradation.LowerFps), ("drop", Degradation.Drop)];

    /// <summary>Reads a session from its values.</summary>
    /// <param name="server">Options of the whole server.</param>
    /// <param name="values">Name of an option, with its value and where it was given.</param>
    /// <param name="where">For problems with the whole, such as a line of a file.</param>
    /// <param name="file">The sessions file, which no session may write; null where there is none.</param>
    /// <param name="problems">Takes everything that is wrong.</param>
    /// <param name="notes">Takes what the user should know.</param>
    public static SessionPlan? Read(
        RestyleOptions server, IEnumerable<(string Name, GivenValue Value)> values, string where, string? file, List<string> problems,
        List<string> notes)
    {
        var before = problems.Count;
        var merge = new OptionMerge(server with { Live = true });
        var (name, slo) = ("", new SessionSlo());
        foreach (var (key, value) in values)
        {
            try
            {
                switch (key)
                {
                    case "name":
                        name = value.Text;
                        break;
                    case "first-frame":
                        slo = slo with { FirstFrame = Milliseconds(value.Text) };
                        break;
                    case "weight":
                        slo = slo with
                        {
                            Weight = OptionText.Int(value.Text) is >= 1 and <= 100 and var weight
                            ? weight
                            : throw new FormatException("must be from 1 to 100")
                        };
                        break;
                    case "ladder":
                        slo = slo with
                        {
                            Ladder = [.. value.Text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
                            .Where(r => r != "none").Select(r => OptionText.Choice(r, Rungs))]
                        };
                        break;
                    // One without a model beside those with the server's.
                    case "model" when value.Text == RestyleOptions.Passthrough || value.Text == server.Model:
                        merge.Give(RunOptions.Find(key)!, value);
                        break;
                    case var _ when Shared.Contains(key):
                        throw new FormatException("is the whole server's: give it outside of the sessions");
                    case var _ when RunOptions.Find(key) is { } option && !Others.Contains(key):
                        merge.Give(option, value);
                        break;
                    default:
                        merge.HasUnknown = true;
                        throw new FormatException($"is no option of a session{Suggestion.For(key, Names)}");
                }
            }
            catch (FormatException e)
            {
                problems.Add($"{(value.Origin == $"--{key}" ? "" : $"{value.Origin} ")}{key} {e.Message}");
            }
        }
        if (name.Length == 0 || name.Any(c => char.IsWhiteSpace(c) || c == '"'))
            problems.Add($"{where} needs a name without spaces");
        var given = merge.Build();
        if (merge.MayLackNothing)
        {
            problems.AddRange(merge.Problems.Select(p => $"{where} {p}"));
            return null;
        }
        var check = RestyleOptionsValidator.Check(given, new ModelCatalog(), FileUse.Reads(("sessions file", file)));
        problems.AddRange(merge.Problems.Concat(check.Problems).Select(p => $"{where} {p}"));
        notes.AddRange(check.Notes.Select(n => $"{where} {n}"));
        if (problems.Count > before)
            return null;
        var options = check.Options;
        return new SessionPlan(name, options, slo with
        {
            Deadline = options.Deadline is { } deadline ? TimeSpan.FromMilliseconds(deadline) : slo.Deadline,
            TargetFps = options.Fps is { } fps ? Transport.Media.Rational.Parse(fps).ToDouble() : slo.TargetFps,
        });
    }

    private static TimeSpan Milliseconds(string text) => OptionText.Double(text) is > 0 and <= 600_000 and var ms
        ? TimeSpan.FromMilliseconds(ms)
        : throw new FormatException("must be from 1 to 600000 milliseconds");
}
