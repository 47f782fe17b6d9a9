using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Testing;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>LoRAs on the command line.</summary>
public sealed class LoraCommandTests : IDisposable
{
    private static readonly string[] Clip =
        ["-i", "test:testsrc2?size=64x64&rate=30&duration=0.7", "-s", "64x64", "-p", "neon", "--threads", "1", "--dtype", "float32"];

    private readonly Streamdiff _streamdiff = new();
    private readonly RankProcesses _ranks;

    public LoraCommandTests()
    {
        _ranks = new RankProcesses(_streamdiff);
        using var scope = TorchSharp.torch.NewDisposeScope();
        var shapes = CausalWanModel.Shapes(ModelBundle.TransformerConfig(new ModelCatalog().Find("tiny").Config));
        LoraFiles.Write(_streamdiff.Folder["ink.safetensors"], LoraSpellings.Kohya, shapes, seed: 1);
        LoraFiles.Write(_streamdiff.Folder["my wash.safetensors"], LoraSpellings.Diffusers, shapes, seed: 2);
    }

    public void Dispose()
    {
        _ranks.Dispose();
        _streamdiff.Dispose();
    }

    [Fact]
    public void Run_LiveStrengthsOfWeightsInFloat8_AreRefused() => Assert.Equal(
        ["error: --precision fp8 and --lora-live exclude each other: weights in float8 cannot be changed"],
        Run("a.mkv", "--lora", "ink.safetensors", "--lora-live", "--precision", "fp8").Problems);

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_TellsWhatWasApplied_AndOnVerboseByLayer()
    {
        var run = Run("a.mkv", "--lora", "ink.safetensors:0.5", "--lora", "my wash.safetensors", "-v");
        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"lora ink: 11 of \d+ layers, ranks 2 to 4, strength 0.5, merged", run.Error);
        Assert.Matches(@"lora my wash: 11 of \d+ layers, ranks 2 to 4, strength 1, merged", run.Error);
        Assert.Contains("\n# lora ink: blocks.0.self_attn.q.weight: rank 2 with lora_unet_blocks_0_self_attn_q.alpha\n", run.Output,
            StringComparison.Ordinal);
        // What is printed is a configuration file of the same run.
        File.WriteAllText(_streamdiff.Folder["again.yaml"], string.Join(
            '\n', run.Output.Split('\n').Where(l => l.Contains(": ", StringComparison.Ordinal)
                && !l.StartsWith("output:", StringComparison.Ordinal) && !l.StartsWith("per chunk", StringComparison.Ordinal))));
        var again = _streamdiff.Run("run", "-c", "again.yaml", "-o", "b.mkv");
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("lora my wash", again.Error, StringComparison.Ordinal);
        var show = _streamdiff.Run("models", "show", "tiny", "--lora", "ink.safetensors");
        Assert.Contains("\nlora ink: head.head.weight: rank ", show.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_LiveStrengths_AreLoggedAndReplayed()
    {
        File.WriteAllText(_streamdiff.Folder["t"], "at frame 9 lora \"my wash\" -0.5\nat frame 13 lora ink 0");
        var run = Run("a.mkv", "--lora", "ink.safetensors:0.5", "--lora", "my wash.safetensors:0", "--lora-live", "--timeline", "t",
            "--log", "take.log");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("changeable while it runs", run.Error, StringComparison.Ordinal);
        var replay = _streamdiff.Run("replay", "take.log", "-i", Clip[1], "-o", "null:");
        Assert.Contains("identical to the session bit for bit", replay.Output, StringComparison.Ordinal);
        // Wherever the files lie now.
        Directory.CreateDirectory(_streamdiff.Folder["elsewhere"]);
        File.Move(_streamdiff.Folder["ink.safetensors"], _streamdiff.Folder["elsewhere/ink.safetensors"]);
        var missing = _streamdiff.Run("replay", "take.log", "-i", Clip[1], "-o", "null:");
        Assert.Equal(2, missing.ExitCode);
        Assert.Contains("ink.safetensors does not exist", Assert.Single(missing.Problems), StringComparison.Ordinal);
        var moved = _streamdiff.Run("replay", "take.log", "-i", Clip[1], "-o", "null:", "--lora", "elsewhere/ink.safetensors:0.5",
            "--lora", "my wash.safetensors:0");
        Assert.Contains("identical to the session bit for bit", moved.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Ranks_OfOtherProcesses_NeedTheSameLoras()
    {
        var rank = _ranks.Start("--dtype", "float32", "--lora", "ink.safetensors:0.5");
        Assert.Equal(0, Run("two.mkv", "--lora", "ink.safetensors:0.5", "--ranks", $"cpu,{rank}").ExitCode);
        var without = Run("three.mkv", "--ranks", $"cpu,{rank}");
        Assert.NotEqual(0, without.ExitCode);
        Assert.Contains(" with ", Assert.Single(without.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lora none.safetensors does not exist", "--lora", "none.safetensors")]
    [InlineData("lora strength must be from -10 to 10, not 50", "--lora", "ink.safetensors:50")]
    [InlineData("lora-live has an effect with lora only", "--lora-live")]
    [InlineData("have one name, ink", "--lora", "ink.safetensors", "--lora", "ink.safetensors:2")]
    public void WhatCannotBe_IsOneLine(string told, params string[] more)
    {
        var run = Run("a.mkv", more);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(told, Assert.Single(run.Problems), StringComparison.Ordinal);
        Assert.False(File.Exists(_streamdiff.Folder["a.mkv"]));
    }

    private Streamdiff.Outcome Run(string output, params string[] more) => _streamdiff.Run(["run", .. Clip, "-o", output, .. more]);
}
