using System.CommandLine;
using StreamDiff.Cli.Doctor;
using StreamDiff.CommandLine;
using StreamDiff.Models.Native;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff setup libtorch</c>: remembers a libtorch that is there already.</summary>
internal sealed class SetupLibTorchCommand : Command
{
    private readonly Argument<string> _folder = new("DIR")
    {
        Description = "The 'lib' folder of a libtorch or of pip's torch, 2.10 or newer, for the CPU or for CUDA.",
    };

    public SetupLibTorchCommand()
        : base("libtorch", "Try a libtorch that is on this machine by a small run, and remember it.")
    {
        Add(_folder);
        SetAction(parse => Run(parse.GetRequiredValue(_folder)));
    }

    private static int Run(string folder)
    {
        if (!LibTorchChoice.Holds(folder))
            return Usage.Report(
                [$"{folder} holds no libtorch_cpu.so: give the 'lib' folder of libtorch or of pip's torch"], "setup libtorch");
        return LibTorchTrial.RunAndRemember(folder, device: "auto");
    }
}
