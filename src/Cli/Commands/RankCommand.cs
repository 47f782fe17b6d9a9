using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff rank</c>: take part in a ring of ranks that a run elsewhere drives.</summary>
internal sealed class RankCommand : Command, ITellingCommand
{
    private readonly Option<string> _listen = new("--listen")
    {
        HelpName = "HOST:PORT",
        Description = "Where a run reaches this rank, such as 127.0.0.1:7000; port 0 takes a free one. Required.",
        Required = true,
    };
    private readonly Option<bool> _random = new("--random-weights")
    {
        Description = "Random weights of the model's sizes, for streamdiff-bench ranks --random-weights.",
    };
    private readonly TableOptions _options;
    private readonly Option<int?> _core = new("--core") { HelpName = "N", Description = "Run on this core only. Default: any." };
    private readonly Option<string?> _secret = new("--secret-file")
    {
        HelpName = "FILE",
        Description = "Secret that the ranks and the run share, made by 'streamdiff secret'. "
            + $"Default: {RankSecret.Variable}, or none, which loopback addresses allow.",
    };
    private readonly Option<string?> _certificate = new("--tls-cert")
    {
        HelpName = "FILE",
        Description = "PEM certificate: links are encrypted with TLS. Default: none.",
    };
    private readonly Option<string?> _key = new("--tls-key") { HelpName = "FILE", Description = "PEM key of the certificate." };
    private readonly Option<string?> _logFormat = JsonLog.Option();

    private int _isReady;

    public RankCommand()
        : base("rank", "Lend this machine's device to a run elsewhere, as one rank of several. Example: streamdiff rank --listen "
            + "127.0.0.1:7000 --device cuda:0")
    {
        Add(_listen);
        _options = new TableOptions(this, ["model", "lora", "lora-live", "device", "dtype", "precision", "heads", "threads"],
            ("model", "The model that the run uses. Default: tiny."),
            ("lora", "A LoRA of the run, with the strength that the run begins with. Several times: all of them, in the run's order. "
                + "Default: none."),
            ("lora-live", "Strengths can change, as in the run. Default: false."),
            ("dtype", "auto, float32 or bfloat16; the same on all ranks. Default: auto."),
            ("threads", "Compute threads on the cpu. Default: one per core."));
        foreach (var option in (Option[])[_random, _core, _secret, _certificate, _key, _logFormat])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var (certificate, key) = (parse.GetValue(_certificate), parse.GetValue(_key));
        var given = new GivenOptions(OptionUse.Run);
        _options.Give(parse, given);
        if (JsonLog.Problem(parse.GetValue(_logFormat)) is { } wrongFormat)
            given.Add(new OptionProblem(wrongFormat));
        if (certificate is null != key is null)
            given.Add(new OptionProblem("--tls-cert and --tls-key belong together"));
        if (given.Problems.Count > 0)
            return Usage.Report(given.Problems.Select(p => p.Text), "rank");
        var options = new RankServerOptions
        {
            Listen = parse.GetRequiredValue(_listen),
            Compute = given.Read(new ComputeOptions()),
            RandomWeights = parse.GetValue(_random),
            Core = parse.GetValue(_core),
            SecretFile = parse.GetValue(_secret),
            Tls = certificate is null ? null : (certificate, key!),
        };
        using var signals = new CancelOnSignal();
        using var alive = ServiceManager.KeepAlive();
        RankServer.Run(options, Tell, signals.Token);
        return signals.ExitCodeOr(ExitCode.Ok);

        // Its first line says that it listens.
        void Tell(string line)
        {
            Say.Line(line);
            if (Interlocked.Exchange(ref _isReady, 1) == 0)
                ServiceManager.Ready();
        }
    }
}
