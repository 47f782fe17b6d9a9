using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using StreamDiff.Transport.Media.Stills;
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
        Look[] looks =
        [
            Look.Of(0, 4), Look.Of(7, 2), Look.Of(3) with { Strength = Look.Slight }, Look.Of(5) with { Strength = Look.Strong },
            Look.Of(1) with { Colours = [5, 2] }, Look.Plain with { Colours = [3] },
        ];
        var prompts = Enumerable.Range(0, 2000).Select(_ => PromptGrammar.Next(random, looks)).ToList();
        foreach (var prompt in prompts)
        {
            foreach (var style in prompt.Look.Styles)
                Assert.Contains(StyleBank.All[style].Words, w => prompt.Text.Contains(w, StringComparison.OrdinalIgnoreCase));
            foreach (var colour in prompt.Look.Colours)
                Assert.Contains(ColourBank.All[colour].Name, prompt.Text, StringComparison.OrdinalIgnoreCase);
            if (prompt.Look.Strength != 1)
                Assert.Contains(prompt.Look.Strength < 1 ? PromptGrammar.SlightWords : PromptGrammar.StrongWords,
                    w => prompt.Text.Contains(w, StringComparison.OrdinalIgnoreCase));
        }
        Assert.Equal(StyleBank.All.Count,
            prompts.Where(p => p.Look.Styles.Count == 1).Select(p => p.Look.Styles[0]).Distinct().Count());
        Assert.All(looks.Append(Look.Plain), look => Assert.Contains(prompts, p => p.Look.Equals(look)));
    }

    [Fact]
    public void Paint_StrengthAndColours_LieWhereTheySay()
    {
        using var scope = NewDisposeScope();
        var clip = Synthetic(3, 2);
        var style = Look.Of(2).Paint(clip);
        var slight = (Look.Of(2) with { Strength = Look.Slight }).Paint(clip);
        Assert.True(slight.sub(clip.add(style, Scalars.One).div(Scalars.Of(2f))).abs().max().item<float>() < 1e-5f);
        var strong = (Look.Of(2) with { Strength = Look.Strong }).Paint(clip);
        Assert.True(strong.sub(clip).abs().mean().item<float>() > style.sub(clip).abs().mean().item<float>());
        for (var colour = 0; colour < ColourBank.All.Count; colour++)
        {
            var (r, g, b) = ColourBank.All[colour].Value;
            float[] wanted = [r, g, b];
            var toned = (Look.Plain with { Colours = [colour] }).Paint(clip).mean([0, 2, 3]).data<float>().ToArray();
            Assert.Equal(Array.IndexOf(wanted, wanted.Max()), Array.IndexOf(toned, toned.Max()));
        }
    }

    [Fact]
    public void FilmedClip_SameSeed_IsTheSameAndMoves()
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-test-");
        using var scope = NewDisposeScope();
        var picture = Synthetic(5, 1, 384, 288).mul(Scalars.Of(255f)).to_type(ScalarType.Byte);
        var pixels = picture[0].permute(1, 2, 0).contiguous();
        StillWriter.Write(Path.Combine(folder.FullName, "photograph.png"), TensorMemory.Span<byte>(pixels), 384, 288);
        using var library = PictureLibrary.Load([folder.FullName], CPU);
        Assert.Single(library.Stills);
        var moving = 0;
        for (var seed = 0; seed < 10; seed++)
        {
            var clip = FilmedClip.Render(library, seed, 5, 96, 64);
            Assert.Equal([5, 3, 64, 96], clip.shape);
            Assert.False(clip.ne(FilmedClip.Render(library, seed, 5, 96, 64)).any().item<bool>());
            moving += clip[0].ne(clip[4]).any().item<bool>() ? 1 : 0;
        }
        Assert.True(moving >= 6, $"{moving} of 10 move");
        folder.Delete(recursive: true);
    }

    [Fact]
    public void PictureLibrary_FolderWithoutPictures_SaysSo()
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-test-");
        File.WriteAllText(Path.Combine(folder.FullName, "notes.txt"), "no picture");
        Assert.Contains("no photographs", Assert.Throws<ModelException>(() => PictureLibrary.Load([folder.FullName], CPU)).Message);
        var absent = Path.Combine(folder.FullName, "absent");
        Assert.Contains("is missing", Assert.Throws<ModelException>(() => PictureLibrary.Load([absent], CPU)).Message);
        folder.Delete(recursive: true);
    }

    internal static Tensor Synthetic(int seed, int frames, int width = 160, int height = 96) =>
        tensor(SyntheticClip.Render(seed, frames, width, height), [frames, 3, height, width]).to_type(ScalarType.Float32)
            .div(Scalars.Of(255f));
}
