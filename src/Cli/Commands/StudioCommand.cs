using System.CommandLine;
using StreamDiff.Cli.Options;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff studio</c>: a page and an interface by HTTP for the sessions of this process.</summary>
internal sealed class StudioCommand : Command
{
    // Of all sessions: the others are each session's own.
    private static readonly string[] Shared = ["size", "steps", "fps", .. SessionPlan.Shared];

    private readonly ServeWork _work;
    private readonly HttpOptions _http;
    private readonly List<(RunOption Run, Option<string?> Option)> _options = [];

    public StudioCommand()
        : base("studio", "Open a page to see and steer live sessions in a browser, and an interface for programs. One copy of the model "
            + "serves all sessions. Example: streamdiff studio")
    {
        _http = new HttpOptions(this, isOptional: false);
        foreach (var run in RunOptions.All.Where(o => Shared.Contains(o.Name)))
        {
            var option = new Option<string?>($"--{run.Name}", run.Alias is null ? [] : [run.Alias])
            {
                HelpName = run.Value,
                Description = run.Help,
            };
            _options.Add((run, option));
            Add(option);
        }
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
        var given = _options.Where(o => parse.GetValue(o.Option) is not null)
            .Select(o => (o.Run, new GivenValue(parse.GetValue(o.Option)!, $"--{o.Run.Name}")));
        return _work.Run(parse, given, _http.Read(parse, problems), problems);
    }
}
