using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>What is asked of one clip: a prompt, and sometimes another one from a latent frame on.</summary>
/// <param name="Prompts">One or two.</param>
/// <param name="SwitchAt">Latent frame from which the second one holds.</param>
internal sealed record Wish(IReadOnlyList<StylePrompt> Prompts, int SwitchAt)
{
    public static Wish Make(Random random, int latentFrames, float switches) => random.Chance(switches)
        ? new Wish([PromptGrammar.Next(random), PromptGrammar.Next(random)], random.Next(2, latentFrames))
        : new Wish([PromptGrammar.Next(random)], latentFrames);

    /// <summary>The clip [frames, 3, H, W] as wished.</summary>
    public Tensor Target(Tensor clip)
    {
        // Latent frame 0 holds one video frame, every later one four.
        var cut = Math.Min(4L * (SwitchAt - 1) + 1, clip.size(0));
        var before = Paint(clip.narrow(0, 0, cut), Prompts[0]);
        return cut == clip.size(0) ? before : cat([before, Paint(clip.narrow(0, cut, clip.size(0) - cut), Prompts[1])]);
    }

    /// <summary>Pictures in the styles of a prompt: none leaves them alone, two are mixed half and half.</summary>
    internal static Tensor Paint(Tensor frames, StylePrompt prompt)
    {
        if (prompt.Styles.Count == 0)
            return frames;
        var painted = prompt.Styles.Select(s => StyleBank.All[s].Target(frames)).ToArray();
        return painted.Length == 1 ? painted[0] : painted[0].add(painted[1]).div(2f);
    }
}
