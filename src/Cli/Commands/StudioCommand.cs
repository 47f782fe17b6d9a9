using System.CommandLine;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff studio</c>: a page and an interface by HTTP for the sessions of this process.</summary>
internal sealed class StudioCommand : Command, ITellingCommand
{
    // Of all sessions, besides what computes: the others are each session's own.
    private static readonly string[] Shared = ["size", "steps", "fps", "osc", "osc-to", "midi"];

    private readonly ServeWork _work;
    private readonly HttpOptions _http;
    private readonly TableOptions _options;

    public StudioCommand()
        : base("studio", "Open a page to see and steer live sessions in a browser, and an interface for programs. One copy of the model "
            + "serves all sessions. Example: streamdiff studio")
    {
        _http = new HttpOptions(this, isOptional: false);
        _options = new TableOptions(
            this, OptionTable.Of(OptionUse.Server).Where(o => o.Group == "Compute" || Shared.Contains(o.Name)));
        _work = new ServeWork(this, new Option<string?>("--config", "-c")
        {
            HelpName = "FILE",
            Description = "Sessions to begin with, as for 'streamdiff serve'. Default: none.",
        });
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        return _work.Run(parse, given => _options.Give(parse, given), _http.Read(parse, problems), problems);
    }
}
