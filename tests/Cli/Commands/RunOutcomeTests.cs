using System.CommandLine;
using StreamDiff.Cli.Commands;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>
/// What a user sees of a run's end, with a stand-in for the work. The only tests that take the test process's own console.
/// </summary>
public sealed class RunOutcomeTests
{
    private static readonly RestyleProgress Done = new(
        60, 60, 60, TimeSpan.FromSeconds(3), [new StageTime("denoise", TimeSpan.FromSeconds(1.5), 15)]);

    [Fact]
    public async Task Run_WorkSucceeds_SummarisesOnOutputAndNotesOnError()
    {
        RestyleOptions? seen = null;
        var (code, output, error) = await Run(
            (options, _, progress, _) =>
            {
                seen = options;
                progress.Report(Done);
                return new RestyleResult(Done, false, ["2 damaged frames were skipped"]);
            }, "--size", "330x200");
        Assert.Equal(0, code);
        Assert.Equal("60 frames in 3.0 s, 20.0 fps -> null:\nper chunk: denoise 100.0 ms\n", output);
        Assert.Contains("note: 2 damaged frames were skipped\n", error, StringComparison.Ordinal);
        Assert.Equal((320, 192), seen!.Frame.Size);
    }

    [Fact]
    public async Task Run_Verbose_PrintsTheEffectiveConfiguration()
    {
        var (_, output, _) = await Run((_, _, _, _) => new RestyleResult(Done, false, []), "--verbose", "--steps", "3");
        Assert.Contains("steps: 3  # --steps\n", output, StringComparison.Ordinal);
        Assert.Contains("fit: crop  # default\n", output, StringComparison.Ordinal);
        foreach (var line in (string[])["size: 320x192", "noise-scale: 0.25", "window: 5", "sinks: 3", "sink-threshold: 0.2", "vae: taehv"])
            Assert.Contains($"\n{line}  # the model's default\n", output, StringComparison.Ordinal);
        Assert.Contains("\n# fps:  # default: the source's own timing\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_NoteWhileItRuns_IsToldAtOnceAndNotAgain()
    {
        var (_, _, error) = await Run((_, _, progress, _) =>
        {
            progress.Report(Done with { Notes = ["known early"] });
            progress.Report(Done with { Notes = ["known early", "known later"] });
            return new RestyleResult(Done, false, ["known early", "known later", "known last"]);
        });
        Assert.Equal(["note: known early", "note: known later", "note: known last"],
            error.Split('\n').Where(l => l.StartsWith("note: known", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Run_WorkFails_IsOneErrorLineAndCodeOne()
    {
        var (code, output, error) = await Run((_, _, _, _) => throw new ModelException("the weights\ndo not fit"));
        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.EndsWith("error: the weights do not fit\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WorkHasABug_IsOneLineWithoutStackTrace()
    {
        var (code, _, error) = await Run((_, _, _, _) => throw new InvalidCastException("secret"));
        Assert.Equal(1, code);
        Assert.Contains("error: internal error in StreamDiff.Cli.Tests", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> Run(Restyle work, params string[] args)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter();
        using var newError = new StringWriter();
        Console.SetOut(newOutput);
        Console.SetError(newError);
        try
        {
            var root = new RootCommand { new RunCommand(work) };
            var code = await CommandRunner.Run(root, ["run", "-i", "test:scene", "-o", "null:", .. args]);
            return (code, newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
