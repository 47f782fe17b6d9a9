using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Tests.Commands;

public sealed class HelpTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Root_NoArguments_ShowsTheCommands()
    {
        var outcome = _streamdiff.Run();
        Assert.Equal(0, outcome.ExitCode);
        Assert.All((string[])["run", "verify", "models", "doctor"],
            command => Assert.Contains($"  {command}", outcome.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Run_Help_ShowsEveryOptionWithItsDefault()
    {
        var outcome = _streamdiff.Run("run", "--help");
        Assert.Equal(0, outcome.ExitCode);
        Assert.All(OptionTable.Of(OptionUse.Run),
            o => Assert.Contains($"--{o.Name} <{o.Value}>", outcome.Output, StringComparison.Ordinal));
        Assert.All(OptionTable.All, o => Assert.Matches("Default: |Required", o.Help));
    }

    [Theory]
    [InlineData("models", "list")]
    [InlineData("models", "show")]
    [InlineData("models", "check")]
    [InlineData("models", "pull")]
    [InlineData("secret")]
    [InlineData("verify")]
    [InlineData("doctor")]
    public void Command_Help_Succeeds(params string[] command)
    {
        var outcome = _streamdiff.Run([.. command, "--help"]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains($"streamdiff {string.Join(' ', command)}", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("'streamdiff bench' is 'streamdiff-bench' now", "bench", "core", "--steps", "2")]
    [InlineData("'streamdiff probe-latency' is 'streamdiff-bench probe-latency' now", "probe-latency")]
    public void Command_ThatMoved_SaysWhereTo(string problem, params string[] typed)
    {
        var outcome = _streamdiff.Run(typed);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(problem, Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
        Assert.DoesNotContain(typed[0], _streamdiff.Run("--help").Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rank")]
    [InlineData("plan")]
    [InlineData("serve")]
    [InlineData("calibrate")]
    [InlineData("simulate")]
    [InlineData("models", "pull")]
    public void Command_Help_TellsEachDefaultOnce(params string[] command)
    {
        var options = _streamdiff.Run([.. command, "--help"]).Output.Split("\n  -");
        Assert.Contains(options, o => o.Contains("efault: ", StringComparison.Ordinal));
        Assert.DoesNotContain(
            options, o => o.Contains("Default: ", StringComparison.Ordinal) && o.Contains("[default: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Version_Asked_IsPrinted() => Assert.StartsWith("0.1.0", _streamdiff.Run("--version").Output, StringComparison.Ordinal);

    [Theory]
    [InlineData("rnu", "error: unknown command 'rnu': did you mean 'run'?")]
    [InlineData("--frobnicate", "error: unknown option '--frobnicate'")]
    public void Root_UnknownWord_IsUsageError(string word, string line)
    {
        var outcome = _streamdiff.Run(word);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal([line, "see: streamdiff --help"], outcome.ErrorLines);
    }
}
