using System.CommandLine;
using StreamDiff.Bench.Policies;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench simulator</c>: is what the simulator says what really happens.</summary>
internal sealed class SimulatorCommand : Command
{
    private readonly PolicyOptions _policies = new();
    private readonly ReportOutput _output = new();

    public SimulatorCommand()
        : base("simulator", "Check the simulator of scheduling policies against reality: the same arrivals in real time on the real model "
            + "and in virtual time.")
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
            return Usage.Report(problems, "simulator");

        using var signals = new CancelOnSignal();
        var report = SimulatorBenchmark.Run(options, Say.Line, signals.Token);
        _output.Write(parse, report, "fps", "off: fps", "missed", "off: missed", "latency p50", "off: latency p50", "latency p95",
            "off: latency p95");
        foreach (var line in SimulatorBenchmark.Summary(report))
            Console.Out.WriteLine(line);
        return ExitCode.Ok;
    }
}
