using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Models.Native;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff setup cpu</c>: forgets what was set up.</summary>
internal sealed class SetupCpuCommand : Command
{
    public SetupCpuCommand()
        : base("cpu", "Go back to the libtorch that the program comes with, which computes on the CPU. What was fetched stays.")
    {
        SetAction(_ => Run());
    }

    private static int Run()
    {
        Console.Out.WriteLine(LibTorchChoice.Forget()
            ? $"forgotten; what was fetched is still in {LibTorchChoice.Folder} and may be deleted"
            : "nothing was set up");
        return ExitCode.Ok;
    }
}
