using System.CommandLine;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Commands;

/// <summary>A command that is a program of its own now; typed as before, it says where it went.</summary>
internal sealed class MovedCommand : Command
{
    public MovedCommand(string name, string now)
        : base(name)
    {
        Hidden = true;
        TreatUnmatchedTokensAsErrors = false;
        SetAction(_ =>
        {
            Say.Error($"'streamdiff {name}' is '{now}' now: dotnet build src/Bench -c Release builds it");
            return ExitCode.Usage;
        });
    }
}
