using System.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff setup</c>: which libtorch computes.</summary>
internal sealed class SetupCommand : Command
{
    public SetupCommand()
        : base("setup", "Set up what computes: a GPU, a libtorch of your own, or the CPU again. It is remembered for this user.")
    {
        Add(new SetupGpuCommand());
        Add(new SetupLibTorchCommand());
        Add(new SetupCpuCommand());
    }
}
