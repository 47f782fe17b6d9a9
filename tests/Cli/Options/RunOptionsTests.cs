using StreamDiff.Cli.Options;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Tests.Options;

public sealed class RunOptionsTests
{
    [Fact]
    public void All_Options_CoverEveryPropertyOnce()
    {
        var properties = typeof(RestyleOptions).GetProperties().Where(p => p.SetMethod is not null).Select(p => p.Name).Order();
        Assert.Equal(properties, RunOptions.All.Select(o => o.Property).Order());
    }

    [Fact]
    public void Describe_EffectiveOptions_IsAConfigurationFileOfTheSameRun()
    {
        var merge = new OptionMerge();
        foreach (var (name, value) in new[]
        {
            ("prompt", "say \"a: b\"\n#c"),
            ("seed", "-5"),
            ("output", "null:"),
            ("size", "640x352"),
            ("fps", "30000/1001"),
            ("audio", "false"),
        })
            merge.Give(RunOptions.Find(name)!, new GivenValue(value, $"--{name}"));
        var options = merge.Build();

        var file = Path.GetTempFileName();
        File.WriteAllLines(file, merge.Describe(options));
        var again = new OptionMerge();
        ConfigFile.Read(file, again);
        File.Delete(file);
        Assert.Equal(options, again.Build());
        Assert.Empty(again.Problems);
    }

    [Theory]
    [InlineData("640x350", 640, 336, true)]
    [InlineData("640x352", 640, 352, false)]
    [InlineData("1x9", 64, 64, true)]
    public void Size_AnySize_BecomesAMultipleOfSixteenWithANote(string size, int width, int height, bool note)
    {
        var options = RunOptions.Find("size")!.Set(RunOptions.Defaults with { Input = "test:scene", Output = "null:" }, size);
        var check = RestyleOptionsValidator.Check(options, new ModelCatalog());
        Assert.Empty(check.Problems);
        Assert.Equal((width, height), check.Options.Size);
        Assert.Equal(note, check.Notes.Any(n => n.Contains($"size {width}x{height} is used instead of {size}", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("25")]
    [InlineData("23.976")]
    [InlineData("30000/1001")]
    public void Fps_RightForms_ArePossible(string fps) =>
        Assert.Empty(RestyleOptionsValidator.Check(
            RunOptions.Defaults with { Input = "test:scene", Output = "null:", Fps = fps }, new ModelCatalog()).Problems);

    [Theory]
    [InlineData("0")]
    [InlineData("-25")]
    [InlineData("abc")]
    [InlineData("30/")]
    [InlineData("5000/1")]
    [InlineData("")]
    public void Fps_WrongForms_AreProblems(string fps) =>
        Assert.Single(RestyleOptionsValidator.Check(
            RunOptions.Defaults with { Input = "test:scene", Output = "null:", Fps = fps }, new ModelCatalog()).Problems);
}
