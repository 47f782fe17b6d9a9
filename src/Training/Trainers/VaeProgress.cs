using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Vae;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// How well an autoencoder in training gives back clips that it is not trained on: its averaged weights, which are what is kept in the end,
/// in the type that it is trained in, without the filter that may stand behind the decoder.
/// </summary>
internal sealed class VaeProgress
{
    private const int Frames = 21;
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private readonly Taehv _vae;
    private readonly TrainableWeights _weights;
    private readonly AdamW _optimiser;
    private readonly TrainingPlan _plan;
    private readonly TrainingLog _log;
    private Stopwatch? _since;

    /// <param name="plan">With clips to judge by, and where the figures go: vae-check.csv.</param>
    /// <param name="vae">What is judged, of these weights.</param>
    /// <param name="weights">The weights in training.</param>
    /// <param name="optimiser">Has their average.</param>
    /// <exception cref="ModelException">There is no video among the clips.</exception>
    public VaeProgress(TrainingPlan plan, Taehv vae, TrainableWeights weights, AdamW optimiser)
    {
        (_plan, _vae, _weights, _optimiser) = (plan, vae, weights, optimiser);
        if (!Videos.Any())
            throw new ModelException($"--vae-check: no video there has {Frames} frames");
        _log = new TrainingLog(
            Path.Combine(plan.Folder, "vae-check.csv"), ["psnr", "ms_ssim", .. Videos.Select((_, i) => $"psnr_{i + 1}")]);
    }

    private IEnumerable<Tensor> Videos => _plan.Check!.Videos.Where(v => v.size(0) >= Frames);

    /// <summary>Judges where a minute has passed since the last time, or there was none.</summary>
    public void WriteWhenDue()
    {
        if (_since is null || _since.Elapsed >= Between)
            Write();
    }

    /// <summary>Judges, and writes a line.</summary>
    public void Write()
    {
        _since = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var trained = _weights.Vector.clone();
        Use(_optimiser.Average);
        var clips = Videos.Select(Of).ToArray();
        Use(trained);
        _log.Write(
            _optimiser.Steps, _plan.Steps, [clips.Average(c => c.Psnr), clips.Average(c => c.MsSsim), .. clips.Select(c => c.Psnr)]);

        void Use(Tensor vector)
        {
            _weights.Vector.copy_(vector);
            _weights.Round();
        }
    }

    private (double Psnr, double MsSsim) Of(Tensor video)
    {
        using var scope = NewDisposeScope();
        var frames = video.narrow(0, 0, Frames).to_type(ScalarType.Float32).div(Scalars.Of(255f));
        if (frames.size(2) != _plan.Height || frames.size(3) != _plan.Width)
            frames = F.interpolate(frames, size: [_plan.Height, _plan.Width], mode: InterpolationMode.Area);
        var back = VaeTrainer.Decode(_vae, VaeTrainer.Encode(_vae, frames.unsqueeze(0)), 1).clamp(Scalars.Of(0), Scalars.One);
        (frames, back) = (frames.cpu(), back.cpu());
        return (Measures.Psnr(frames, back), Measures.MsSsim(frames, back));
    }
}
