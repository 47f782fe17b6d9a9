using System.CommandLine;

namespace StreamDiff.Cli.Commands.Bench;

/// <summary><c>streamdiff bench</c>: what this machine does, and whether it does better than before.</summary>
internal sealed class BenchCommand : Command
{
    public BenchCommand()
        : base("bench", "Measure on this machine.")
    {
        Add(new BenchCoreCommand());
        Add(new BenchLatencyCommand());
        Add(new BenchFirstFrameCommand());
        Add(new BenchThroughputCommand());
        Add(new BenchSessionsCommand());
        Add(new BenchPoliciesCommand());
        Add(new BenchSimulatorCommand());
        Add(new BenchControlCommand());
        Add(new BenchSoakCommand());
        Add(new BenchCompareCommand());
    }
}
