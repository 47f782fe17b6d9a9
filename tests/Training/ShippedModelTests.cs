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
    public void Tiny_PromptsOfSomeStyles_ComeNearestToWhatTheyAskFor() => ComeNearest([.. StyleBank.All.Where((_, i) => i % 3 == 0)], frames: 5, mostWrong: 0);

    [Fact]
    [Trait("Category", "Slow")]
    public void Tiny_PromptsOfAllStyles_ComeNearestToWhatTheyAskFor() => ComeNearest(StyleBank.All, frames: 13, mostWrong: 2);

    private static void ComeNearest(IReadOnlyList<Style> styles, int frames, int mostWrong)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var models = ModelBundle.Load(new ModelCatalog().Find("tiny"), null, CPU, ScalarType.Float32);
        var clip = DataTests.Synthetic(Inputs.HeldOutSeed + 100, frames, 320, 192);
        var targets = styles.Select(s =>
        {
            using var inner = NewDisposeScope();
            return s.Target(clip).MoveToOuterDisposeScope();
        }).ToList();
        var wrong = new List<string>();
        for (var style = 0; style < targets.Count; style++)
        {
            using var inner = NewDisposeScope();
            using var prompt = models.EncodePrompt(styles[style].Words[1], out _);
            var output = StreamRunner.Run(models, new RestyleOptions { Input = "", Output = "" }, prompt, clip);
            var nearest = Enumerable.Range(0, targets.Count).MinBy(t => output.sub(targets[t]).abs().mean().item<float>());
            if (nearest != style)
                wrong.Add($"{styles[style].Name} came out as {styles[nearest].Name}");
        }
        Assert.True(wrong.Count <= mostWrong, string.Join("; ", wrong));
    }

    [Fact]
    public void Tiny_Weights_FitIntoTheRepository()
    {
        var folder = new ModelCatalog().Find("tiny").WeightsFolder;
        Assert.True(Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length) < 25_000_000);
    }
}
