using System.CommandLine;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff serve</c>: many live sessions in one process.</summary>
internal sealed class ServeCommand : Command, ITellingCommand
{
    private readonly ServeWork _work;
    private readonly HttpOptions _http;

    public ServeCommand()
        : base("serve", "Run many live sessions on one copy of a model, each with its own input, outputs, prompt and deadline. Sessions "
            + "come and go by commands on standard input; 'help' lists them.")
    {
        _work = new ServeWork(this, new Option<string?>("--config", "-c")
        {
            HelpName = "FILE",
            Description = "Sessions to begin with, in YAML or JSON: model, device and other options of 'run' for all, and a list "
                + "'sessions' "
                + "with name, input, output, prompt, deadline and so on for each.",
            Required = true,
        });
        _http = new HttpOptions(this, isOptional: true);
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        return _work.Run(parse, null, _http.Read(parse, problems), problems);
    }
}
