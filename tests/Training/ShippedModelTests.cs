using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Tests;

/// <summary>What a newcomer sees first: the model in the repository does what it is told, and follows the picture.</summary>
public sealed class ShippedModelTests
{
    [Fact]
    public void Tiny_PromptsOfAllStyles_ComeNearestToWhatTheyAskFor()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var models = ModelBundle.Load(new ModelCatalog().Find("tiny"), null, CPU, ScalarType.Float32);
        var clip = DataTests.Synthetic(Inputs.HeldOutSeed + 100, 13, 320, 192);
        var targets = StyleBank.All.Select(s => s.Target(clip)).ToList();
        var wrong = new List<string>();
        for (var style = 0; style < targets.Count; style++)
        {
            using var prompt = models.EncodePrompt(StyleBank.All[style].Words[1], out _);
            var output = StreamRunner.Run(models, new RestyleOptions { Input = "", Output = "" }, prompt, clip);
            var nearest = Enumerable.Range(0, targets.Count).MinBy(t => output.sub(targets[t]).abs().mean().item<float>());
            if (nearest != style)
                wrong.Add($"{StyleBank.All[style].Name} came out as {StyleBank.All[nearest].Name}");
        }
        Assert.True(wrong.Count <= 2, string.Join("; ", wrong));
    }

    [Fact]
    public void Tiny_CardAndStyleBank_HoldTheSameStylesAndWords() => Assert.Equal(
        StyleBank.All.Select(s => $"{s.Name}: {string.Join(", ", s.Words)}"),
        new ModelCatalog().Find("tiny").Config.Styles!.Known.Select(s => $"{s.Name}: {string.Join(", ", s.Words)}"));

    // The network is no list of words: what it makes of a stranger's prompt is told from its text encoder's output, and must be what it paints.
    [Theory]
    [InlineData("a Roman statue", "cyberpunk")]
    [InlineData("Mona Lisa", "neon")]
    [InlineData("a dragon as an oil painting", "oil painting")]
    [InlineData("a cat in a garden", null)]
    [InlineData("snow", null)]
    public void Tiny_PromptOfAStranger_IsPaintedAsItIsTold(string text, string? painted)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var models = ModelBundle.Load(new ModelCatalog().Find("tiny"), null, CPU, ScalarType.Float32);
        using var encoder = models.LoadTextEncoder();
        var (embeddings, reading) = encoder.Read(text);
        if (painted is null)
            Assert.Empty(reading.TakenFor);
        else
            Assert.Contains(painted, reading.TakenFor);
        using var prompt = models.Transformer.EncodePrompt(embeddings);
        var clip = DataTests.Synthetic(Inputs.HeldOutSeed + 100, 9, 160, 96);
        var output = StreamRunner.Run(models, new RestyleOptions { Input = "", Output = "" }, prompt, clip);
        var targets = StyleBank.All.Select(s => (s.Name, Picture: s.Target(clip))).Append((Name: "", Picture: clip));
        Assert.Equal(painted ?? "", targets.MinBy(t => output.sub(t.Picture).abs().mean().item<float>()).Name);
    }

    [Fact]
    public void Tiny_Weights_FitIntoTheRepository()
    {
        var folder = new ModelCatalog().Find("tiny").WeightsFolder;
        Assert.True(Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length) < 25_000_000);
    }
}
