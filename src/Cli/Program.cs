using System.CommandLine;
using StreamDiff.Cli.Commands;
using StreamDiff.CommandLine;
using StreamDiff.CommandLine.Reference;
using StreamDiff.Pipeline.Runs;

var root = new RootCommand("Restyles video with StreamDiffusionV2.")
{
    new RunCommand(FileRestyle.Run),
    new ReplayCommand(FileRestyle.Run),
    new TimelineCommand(),
    new StudioCommand(),
    new KeyCommand(),
    new ServeCommand(),
    new FleetCommand(),
    new WorkerCommand(),
    new RankCommand(),
    new SecretCommand(),
    new PlanCommand(),
    new VerifyCommand(),
    new ModelsCommand(),
    new CalibrateCommand(),
    new HeadsCommand(),
    new SimulateCommand(),
    new DoctorCommand(),
    new SetupCommand(),
    new MovedCommand("bench", "streamdiff-bench"),
    new MovedCommand("probe-latency", "streamdiff-bench probe-latency"),
};
ReferenceCommands.AddTo(root, "streamdiff");
return await CommandRunner.RunProgram(root, args).ConfigureAwait(false);
