using System.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models</c>: what there is, whether it is complete, and getting it.</summary>
internal sealed class ModelsCommand : Command
{
    public ModelsCommand()
        : base("models", "List models, check their files, download them.")
    {
        Add(new ModelsListCommand());
        Add(new ModelsCheckCommand());
        Add(new ModelsPullCommand());
    }
}
