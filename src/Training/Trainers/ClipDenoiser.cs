using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>A denoising step of whole clips, with gradients.</summary>
/// <param name="schedule">Of the model.</param>
/// <param name="layout">Which frames see which.</param>
internal sealed class ClipDenoiser(FlowMatchSchedule schedule, SequenceLayout layout)
{
    /// <summary>Clean latents as the schedule's step gives them.</summary>
    /// <param name="transformer">All of its blocks.</param>
    /// <param name="prompts">See <see cref="CausalWanModel.ForwardClips"/>.</param>
    /// <param name="noisy">[clips, frames, channels, h, w].</param>
    /// <param name="timesteps">One per frame, clip after clip.</param>
    public Tensor Denoise(CausalWanModel transformer, PromptContext prompts, Tensor noisy, double[] timesteps)
    {
        var flow = transformer.ForwardClips(noisy, timesteps, prompts, layout);
        var sigmas = tensor(Array.ConvertAll(timesteps, t => schedule.SigmaAt(t)), device: noisy.device)
            .view(noisy.size(0), noisy.size(1), 1, 1, 1);
        return noisy.sub(flow.mul(sigmas));
    }
}
