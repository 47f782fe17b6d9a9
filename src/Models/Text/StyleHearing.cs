using StreamDiff.Models.Registry;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Text;

/// <summary>
/// Tells which of a model's styles its text encoder speaks of. Whatever was typed, the transformer is steered by the encoder's output
/// alone; that is compared with what the same encoder says to the names of the styles, as a sum of directions away from what it says where
/// no style is asked for.
/// </summary>
internal sealed class StyleHearing : IDisposable
{
    // Shares of one style's usual strength. The transformer begins to follow where the strong ones together reach LoudEnough, and leaves
    // the picture as it is where they do not; what is much weaker than the strongest is drowned by it.
    private const float Audible = 0.2f;
    private const float Strong = 0.35f;
    private const float LoudEnough = 0.6f;
    private const float BesideTheStrongest = 0.5f;
    // All of them would take the first prompt of a process a third of a second.
    private const int WordsPerStyle = 4;

    private readonly IReadOnlyList<string> _names;
    private readonly Tensor _plain;
    private readonly Tensor _parts;

    /// <param name="styles">The model's.</param>
    /// <param name="mean">From prompts to the means of the encoder's output over their tokens, float32 [prompts, dim].</param>
    public StyleHearing(StyleList styles, Func<IReadOnlyList<string>, Tensor> mean)
    {
        using var scope = NewDisposeScope();
        _names = [.. styles.All.Select(s => s.Name)];
        var said = mean([.. styles.Plain, .. styles.All.SelectMany(s => s.Words.Take(WordsPerStyle))]).cpu();
        var plain = said.narrow(0, 0, styles.Plain.Count).mean([0]);
        var (directions, first) = (new List<Tensor>(), styles.Plain.Count);
        foreach (var style in styles.All)
        {
            var words = Math.Min(style.Words.Count, WordsPerStyle);
            directions.Add(said.narrow(0, first, words).mean([0]).sub(plain));
            first += words;
        }
        _plain = plain.DetachFromDisposeScope();
        _parts = linalg.pinv(stack(directions)).DetachFromDisposeScope();
    }

    /// <summary>The styles of an encoder's output, the strongest first, with their shares.</summary>
    /// <param name="mean">Its mean over the prompt's tokens, float32 [dim].</param>
    public IReadOnlyList<(string Style, float Share)> Of(Tensor mean)
    {
        using var scope = NewDisposeScope();
        var shares = mean.cpu().sub(_plain).unsqueeze(0).matmul(_parts).flatten().data<float>().ToArray();
        return [.. shares.Select((share, i) => (_names[i], share)).Where(s => s.share >= Audible).OrderByDescending(s => s.share)];
    }

    /// <summary>Those that the transformer follows.</summary>
    public static IReadOnlyList<string> Loud(IReadOnlyList<(string Style, float Share)> heard)
    {
        var strong = heard.Where(h => h.Share >= Strong && h.Share >= BesideTheStrongest * heard[0].Share).ToList();
        return strong.Sum(h => h.Share) >= LoudEnough ? [.. strong.Select(h => h.Style)] : [];
    }

    public void Dispose()
    {
        _plain.Dispose();
        _parts.Dispose();
    }
}
