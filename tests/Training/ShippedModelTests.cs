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
    public void Tiny_Weights_FitIntoTheRepository()
    {
        var folder = new ModelCatalog().Find("tiny").WeightsFolder;
        Assert.True(Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length) < 25_000_000);
    }
}
