using System.CommandLine;
using StreamDiff.Bench.Policies;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench policies</c>: deadlines first against the fixed modes, in real time on the real model.</summary>
internal sealed class PoliciesCommand : Command
{
    private readonly PolicyOptions _policies = new();
    private readonly ReportOutput _output = new();

    public PoliciesCommand()
        : base(
            "policies", "Compare the batch policies under the same loads, in paired runs in real time on the real model, nothing degraded.")
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
            return Usage.Report(problems, "policies");

        using var signals = new CancelOnSignal();
        var report = PolicyBenchmark.Run(options, Say.Line, signals.Token);
        _output.Write(
            parse, report, "missed", "late", "dropped", "latency p50", "latency p95", "latency p99", "fps", "rows per tick", "device busy");
        return ExitCode.Ok;
    }
}
