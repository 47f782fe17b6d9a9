using System.CommandLine;
using StreamDiff.Cli.Output;
using StreamDiff.Pipeline.Benchmarks.Policies;

namespace StreamDiff.Cli.Commands.Bench;

/// <summary><c>streamdiff bench policies</c>: deadlines first against the fixed modes, in real time on the real model.</summary>
internal sealed class BenchPoliciesCommand : Command
{
    private readonly PolicyOptions _policies = new();
    private readonly ReportOutput _output = new();

    public BenchPoliciesCommand()
        : base("policies", "Compare the batch policies under the same loads, in paired runs in real time on the real model, nothing degraded.")
    {
        _policies.AddTo(this);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _policies.Read(parse, problems);
        if (problems.Count > 0)
            return Usage.Report(problems, "bench policies");

        using var signals = new CancelOnSignal();
        var report = PolicyBenchmark.Run(options, Say.Line, signals.Token);
        _output.Write(parse, report, "missed", "late", "dropped", "latency p50", "latency p95", "latency p99", "fps", "rows per tick", "device busy");
        return ExitCode.Ok;
    }
}
