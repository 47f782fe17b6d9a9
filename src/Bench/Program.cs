using System.CommandLine;
using StreamDiff.Bench.Commands;
using StreamDiff.CommandLine;
using StreamDiff.CommandLine.Reference;

var root = new RootCommand("Measures what StreamDiff does on this machine, and whether it does better than before.")
{
    new CoreCommand(),
    new KernelsCommand(),
    new PrecisionCommand(),
    new HeadsCommand(),
    new LatencyCommand(),
    new FirstFrameCommand(),
    new ThroughputCommand(),
    new SessionsCommand(),
    new PoliciesCommand(),
    new SimulatorCommand(),
    new FleetCommand(),
    new ControlCommand(),
    new SoakCommand(),
    new RanksCommand(),
    new LinksCommand(),
    new ProbeLatencyCommand(),
    new CompareCommand(),
    new PlotCalibrationCommand(),
};
ReferenceCommands.AddTo(root, "streamdiff-bench");
return await CommandRunner.RunProgram(root, args).ConfigureAwait(false);
