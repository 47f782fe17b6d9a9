using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Tests;

/// <summary>What a newcomer sees first: the model in the repository does what it is told, and follows the picture.</summary>
public sealed class ShippedModelTests
{
    // The squares of pixel art come out soft, and then lie nearer to a painting.
    [Fact]
    [Trait("Category", "Slow")]
    public void Tiny_PromptsOfSomeStyles_ComeNearestToWhatTheyAskFor() =>
        ComeNearest([.. StyleBank.All.Where((_, i) => i % 3 == 0)], frames: 5, mostWrong: 1);

    [Fact]
    [Trait("Category", "Slow")]
    public void Tiny_PromptsOfAllStyles_ComeNearestToWhatTheyAskFor() => ComeNearest(StyleBank.All, frames: 13, mostWrong: 3);

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
            var output = StreamRunner.Run(models, new SamplingOptions(), prompt, clip);
            var nearest = Enumerable.Range(0, targets.Count).MinBy(t => output.sub(targets[t]).abs().mean().item<float>());
            if (nearest != style)
                wrong.Add($"{styles[style].Name} came out as {styles[nearest].Name}");
        }
        Assert.True(wrong.Count <= mostWrong, string.Join("; ", wrong));
    }

    [Fact]
    public void Tiny_CardAndStyleBank_HoldTheSameStylesAndWords() => Assert.Equal(
        StyleBank.All.Select(s => $"{s.Name}: {string.Join(", ", s.Words)}"),
        new ModelCatalog().Find("tiny").Config.Styles!.Known.Select(s => $"{s.Name}: {string.Join(", ", s.Words)}"));

    [Fact]
    public void Tiny_EveryStyleByItsName_IsTakenForIt()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var model = new ModelCatalog().Find("tiny");
        using var encoder = ModelBundle.LoadTextEncoder(model, CPU, ScalarType.Float32);
        Assert.All(model.Config.Styles!.Known, style =>
            Assert.Equal([style.Name], encoder.Read(style.Name).Reading.TakenFor));
        Assert.Superset(new HashSet<string> { "watercolor", "blue" },
            encoder.Read("watercolor in blue").Reading.TakenFor.ToHashSet());
    }

    // The network is no list of words: what it makes of a stranger's prompt is told from its text encoder's output, and must be what it
    // paints.
    [Fact]
    public void Tiny_CardAndGrammar_HoldTheSameModifiers() => Assert.Equal(
        new[] { ("slightly", PromptGrammar.SlightWords), ("strongly", PromptGrammar.StrongWords) }
            .Concat(ColourBank.All.Select(c => (c.Name, c.Words))).Select(m => $"{m.Item1}: {string.Join(", ", m.Item2)}"),
        new ModelCatalog().Find("tiny").Config.Styles!.Modifiers.Select(m => $"{m.Name}: {string.Join(", ", m.Words)}"));

    [Theory]
    [InlineData("a Roman statue", "stone relief")]
    [InlineData("Mona Lisa", "oil painting")]
    [InlineData("a dragon as an oil painting", "oil painting")]
    [InlineData("a cat on a sofa", null)]
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
        var output = StreamRunner.Run(models, new SamplingOptions(), prompt, clip);
        // A soft style lies near the clip itself: which style it is can be told of it, not that it is one.
        var targets = StyleBank.All.Select(s => (s.Name, Picture: s.Target(clip)));
        if (painted is null)
            targets = targets.Append((Name: "", Picture: clip));
        Assert.Equal(painted ?? "", targets.MinBy(t => output.sub(t.Picture).abs().mean().item<float>()).Name);
    }

    [Fact]
    public void Tiny_Weights_FitIntoTheRepository()
    {
        var folder = new ModelCatalog().Find("tiny").WeightsFolder;
        Assert.True(Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length) < 25_000_000);
    }
}
