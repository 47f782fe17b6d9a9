using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>What is asked of one clip: a prompt, and sometimes another one from a latent frame on.</summary>
/// <param name="Prompts">One or two.</param>
/// <param name="SwitchAt">Latent frame from which the second one holds.</param>
internal sealed record Wish(IReadOnlyList<StylePrompt> Prompts, int SwitchAt)
{
    /// <param name="random">The step's own.</param>
    /// <param name="clip">Only what it was painted in can be wished for.</param>
    /// <param name="latentFrames">Length of the clip.</param>
    /// <param name="switches">Share of clips whose prompt changes on the way.</param>
    public static Wish Make(Random random, StyledLatents clip, int latentFrames, float switches) => random.Chance(switches)
        ? new Wish([PromptGrammar.Next(random, clip.Looks), PromptGrammar.Next(random, clip.Looks)], random.Next(2, latentFrames))
        : new Wish([PromptGrammar.Next(random, clip.Looks)], latentFrames);

    /// <summary>Latents [frames, channels, h, w] of the clip's first frames as wished.</summary>
    public Tensor Target(StyledLatents clip, int frames)
    {
        var before = clip.Of(Prompts[0].Look).narrow(0, 0, frames);
        return Prompts.Count == 1
            ? before
            : cat([before.narrow(0, 0, SwitchAt), clip.Of(Prompts[1].Look).narrow(0, SwitchAt, before.size(0) - SwitchAt)]);
    }
}
