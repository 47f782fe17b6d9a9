using System.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models</c>: what there is, what it can, whether it is complete, and getting it.</summary>
internal sealed class ModelsCommand : Command
{
    public ModelsCommand()
        : base("models", "List models, show what they can, check their files, download them.")
    {
        Add(new ModelsListCommand());
        Add(new ModelsShowCommand());
        Add(new ModelsCheckCommand());
        Add(new ModelsPullCommand());
        Add(new ModelsConvertCommand());
    }
}
