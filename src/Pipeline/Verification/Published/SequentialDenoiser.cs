using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>The steps of one chunk one after the other: each chunk comes out of the call that it went into.</summary>
internal sealed class SequentialDenoiser : StreamDenoiser
{
    public SequentialDenoiser(CausalWanModel model, PromptContext prompt, INoiseSource noise, DenoiserOptions options)
        : base(model, prompt, noise, options, lanes: 1)
    {
    }

    public override int Delay => 0;

    public override Tensor Next(Tensor noisy, long startFrame, double? firstTimestep) => AllSteps(noisy, startFrame, firstTimestep);

    protected override void Started(Tensor noisy)
    {
    }
}
