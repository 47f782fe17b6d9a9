using StreamDiff.Models;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Tests;

/// <summary>What the model learns from is made by program: the same for the same seed, and never the same picture twice.</summary>
public sealed class DataTests
{
    [Fact]
    public void Render_SameSeed_IsTheSameClip() => Assert.Equal(SyntheticClip.Render(7, 3, 64, 48), SyntheticClip.Render(7, 3, 64, 48));

    [Fact]
    public void Render_OtherSeeds_AreOtherClips()
    {
        var clips = Enumerable.Range(0, 20)
            .Select(s => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(SyntheticClip.Render(s, 1, 64, 48)))).ToList();
        Assert.Equal(clips.Count, clips.Distinct().Count());
    }

    [Fact]
    public void Render_ManyClips_MostMoveAndAreNeitherBlackNorWhite()
    {
        var (moving, lit) = (0, 0);
        for (var seed = 0; seed < 30; seed++)
        {
            var pixels = SyntheticClip.Render(seed, 5, 64, 48);
            var frame = pixels.Length / 5;
            if (!pixels.AsSpan(0, frame).SequenceEqual(pixels.AsSpan(4 * frame)))
                moving++;
            if (pixels.Average(p => (double)p) is > 10 and < 245)
                lit++;
        }
        Assert.True(moving >= 24 && lit >= 24, $"{moving} of 30 move, {lit} of 30 are lit");
    }

    [Fact]
    public void Targets_OfAllStyles_ArePicturesAndDiffer()
    {
        using var scope = NewDisposeScope();
        var clip = Synthetic(3, 2);
        var targets = StyleBank.All.Select(s => s.Target(clip)).ToList();
        foreach (var target in targets)
        {
            Assert.Equal(clip.shape, target.shape);
            Assert.True(target.min().item<float>() >= 0 && target.max().item<float>() <= 1 && !target.isnan().any().item<bool>());
        }
        for (var a = 0; a < targets.Count; a++)
            for (var b = 0; b < a; b++)
                Assert.True(targets[a].sub(targets[b]).abs().mean().item<float>() > 0.01f,
                    $"{StyleBank.All[a].Name} looks like {StyleBank.All[b].Name}");
    }

    [Fact]
    public void Styles_AreManyAndNameableInSeveralWays()
    {
        Assert.True(StyleBank.All.Count >= 10);
        Assert.All(StyleBank.All, s => Assert.True(s.Words.Count >= 4));
        var words = StyleBank.All.SelectMany(s => s.Words).ToList();
        Assert.Equal(words.Count, words.Distinct().Count());
    }

    [Fact]
    public void Next_ManyPrompts_SayWhatTheyAskFor()
    {
        var random = new Random(1);
        (int, int)[] mixtures = [(0, 4), (7, 2)];
        var prompts = Enumerable.Range(0, 2000).Select(_ => PromptGrammar.Next(random, mixtures)).ToList();
        foreach (var prompt in prompts)
            foreach (var style in prompt.Styles)
                Assert.Contains(StyleBank.All[style].Words, w => prompt.Text.Contains(w, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(StyleBank.All.Count, prompts.Where(p => p.Styles.Count == 1).Select(p => p.Styles[0]).Distinct().Count());
        Assert.Contains(prompts, p => p.Styles.Count == 0);
        Assert.Contains(prompts, p => p.Styles is [7, 2]);
    }

    internal static Tensor Synthetic(int seed, int frames, int width = 160, int height = 96) =>
        tensor(SyntheticClip.Render(seed, frames, width, height), [frames, 3, height, width]).to_type(ScalarType.Float32)
            .div(Scalars.Of(255f));
}
