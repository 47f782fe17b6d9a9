using System.CommandLine;
using StreamDiff.Cli;
using StreamDiff.Cli.Commands;
using StreamDiff.Cli.Commands.Bench;
using StreamDiff.Pipeline;

var root = new RootCommand("Restyles video with StreamDiffusionV2.")
{
    new RunCommand(FileRestyle.Run),
    new ReplayCommand(FileRestyle.Run),
    new ServeCommand(),
    new RankCommand(),
    new PlanCommand(),
    new VerifyCommand(),
    new ModelsCommand(),
    new BenchCommand(),
    new CalibrateCommand(),
    new ProbeLatencyCommand(),
    new SimulateCommand(),
    new DoctorCommand(),
};
return await CommandLine.Run(root, args).ConfigureAwait(false);
