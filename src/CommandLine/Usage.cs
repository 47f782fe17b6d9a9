using System.CommandLine;

namespace StreamDiff.CommandLine;

/// <summary>Reports a command that was used wrongly: every problem on a line, then where to read more.</summary>
public static class Usage
{
    public static int Report(IEnumerable<string> problems, string command)
    {
        foreach (var problem in problems.Distinct())
            Say.Error(problem);
        Say.Line($"see: {RootCommand.ExecutableName} {(command.Length == 0 ? "" : command + " ")}--help");
        return ExitCode.Usage;
    }
}
