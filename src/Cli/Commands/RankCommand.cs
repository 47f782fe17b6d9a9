using System.CommandLine;
using StreamDiff.CommandLine;
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
    private readonly Option<string> _model = new("--model", "-m")
    {
        HelpName = "NAME",
        Description = "The model that the run uses. Default: tiny.",
        DefaultValueFactory = _ => "tiny",
    };
    private readonly Option<bool> _random = new("--random-weights")
    {
        Description = "Random weights of the model's sizes, for streamdiff-bench ranks --random-weights.",
    };
    private readonly Option<string> _device = new("--device")
    {
        HelpName = "DEVICE",
        Description = "auto, cpu, cuda or cuda:N. Default: auto, cuda where there is one.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string> _type = new("--dtype")
    {
        HelpName = "TYPE",
        Description = "auto, float32 or bfloat16; the same on all ranks. Default: auto.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<int?> _threads = new("--threads")
    {
        HelpName = "N",
        Description = "Compute threads on the cpu. Default: one per core.",
    };
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

    private int _isReady;

    public RankCommand()
        : base("rank", "Lend this machine's device to a run elsewhere, as one rank of several. Example: streamdiff rank --listen "
            + "127.0.0.1:7000 --device cuda:0")
    {
        foreach (var option in (Option[])[_listen, _model, _random, _device, _type, _threads, _core, _secret, _certificate, _key])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var (certificate, key) = (parse.GetValue(_certificate), parse.GetValue(_key));
        if (certificate is null != key is null)
            return Usage.Report(["--tls-cert and --tls-key belong together"], "rank");
        if (parse.GetValue(_threads) is < 1 or > 1024)
            return Usage.Report([$"threads must be from 1 to 1024, not {parse.GetValue(_threads)}"], "rank");
        var options = new RankServerOptions
        {
            Listen = parse.GetRequiredValue(_listen),
            Model = parse.GetValue(_model)!,
            RandomWeights = parse.GetValue(_random),
            Device = parse.GetValue(_device)!,
            Type = parse.GetValue(_type)!,
            Threads = parse.GetValue(_threads),
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
