using System.CommandLine;
using StreamDiff.Bench.Ranks;
using StreamDiff.CommandLine;
using StreamDiff.Transport.Files;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench links</c>: what the link between ranks costs over the sockets below it.</summary>
internal sealed class LinksCommand : Command
{
    private readonly Option<string?> _json = new("--json")
    {
        HelpName = "FILE",
        Description = "Write the figures as JSON; - for the standard output.",
    };

    public LinksCommand()
        : base("links", "Measure the link between processes against bare sockets, on loopback.")
    {
        Add(_json);
        SetAction(parse =>
        {
            var json = parse.GetValue(_json);
            if (FileRules.Problems([.. FileUse.Writes(("json", json == "-" ? null : json))]) is { Count: > 0 } problems)
                return Usage.Report(problems, "links");
            RankMeasurements.Links(json);
            return ExitCode.Ok;
        });
    }
}
