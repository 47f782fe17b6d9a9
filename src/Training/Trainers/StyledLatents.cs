using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>One clip's latents: as it is, in every style, and in a few other looks.</summary>
/// <param name="latents">[variants, frames, channels, h, w]; taken over.</param>
/// <param name="looks">The other looks, in the order in which they follow the styles.</param>
internal sealed class StyledLatents(Tensor latents, IReadOnlyList<Look> looks) : IDisposable
{
    public IReadOnlyList<Look> Looks => looks;

    /// <summary>[frames, channels, h, w] as the camera saw it, noise and all; a view.</summary>
    public Tensor Source => latents[0];

    /// <summary>[frames, channels, h, w] in the look of a prompt; a view.</summary>
    public Tensor Of(Look look) => latents[IndexOf(look)];

    public void Dispose() => latents.Dispose();

    private int IndexOf(Look look)
    {
        if (look.Equals(Look.Plain))
            return 1;
        if (look.Strength == 1 && look.Styles.Count == 1 && look.Colours.Count == 0)
            return 2 + look.Styles[0];
        for (var i = 0; i < looks.Count; i++)
            if (looks[i].Equals(look))
                return 2 + StyleBank.All.Count + i;
        throw new ArgumentException($"the clip was not painted as {look}");
    }
}
