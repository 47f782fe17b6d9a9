using StreamDiff.Models;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>One clip's latents: as it is, in every style, and in a few mixtures.</summary>
/// <param name="latents">[variants, frames, channels, h, w]; taken over.</param>
/// <param name="mixtures">The mixtures, in the order in which they follow the styles.</param>
internal sealed class StyledLatents(Tensor latents, IReadOnlyList<(int First, int Second)> mixtures) : IDisposable
{
    public IReadOnlyList<(int First, int Second)> Mixtures => mixtures;

    /// <summary>[frames, channels, h, w] in the styles of a prompt; a view.</summary>
    public Tensor Of(IReadOnlyList<int> styles) => latents[styles.Count switch
    {
        0 => 0,
        1 => 1 + styles[0],
        _ => 1 + StyleBank.All.Count + IndexOf(styles[0], styles[1]),
    }];

    /// <summary>What a clip is to become.</summary>
    public static Tensor Paint(Tensor frames, IReadOnlyList<int> styles)
    {
        if (styles.Count == 0)
            return frames;
        var painted = styles.Select(s => StyleBank.All[s].Target(frames)).ToArray();
        return painted.Length == 1 ? painted[0] : painted[0].add(painted[1], Scalars.One).div(Scalars.Of(2f));
    }

    public void Dispose() => latents.Dispose();

    private int IndexOf(int first, int second)
    {
        for (var i = 0; i < mixtures.Count; i++)
            if (mixtures[i] == (first, second))
                return i;
        throw new ArgumentException($"the clip was not painted in {first} and {second}");
    }
}
