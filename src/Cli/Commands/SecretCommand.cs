using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff secret</c>: makes what ranks and runs know each other by.</summary>
internal sealed class SecretCommand : Command
{
    private readonly Argument<string> _file = new("FILE") { Description = "The new file; nothing that is there is replaced." };

    public SecretCommand()
        : base(
            "secret",
            "Make the secret that ranks and the run share: 32 random bytes in a new file that only you can read. "
                + "Example: streamdiff secret rank.key")
    {
        Add(_file);
        SetAction(parse => Run(parse.GetRequiredValue(_file)));
    }

    private static int Run(string file)
    {
        if (FileRules.Obstacle(FileUse.Write("secret", file)) is { } obstacle)
            return Usage.Report([obstacle], "secret");
        RankSecret.Make(file);
        Say.Line($"{file} holds a new secret: name it as --secret-file of each rank, and as secret-file in the run's list of ranks");
        return ExitCode.Ok;
    }
}
