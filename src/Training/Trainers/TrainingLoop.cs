using System.Diagnostics;
using StreamDiff.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>Steps, figures, checkpoints: what every training has in common.</summary>
internal static class TrainingLoop
{
    private static readonly TimeSpan BetweenCheckpoints = TimeSpan.FromMinutes(2);

    /// <param name="plan">How long.</param>
    /// <param name="name">File name of state and figures.</param>
    /// <param name="optimiser">What takes the steps.</param>
    /// <param name="figures">Names of what a step reports after its loss.</param>
    /// <param name="step">Computes the loss of a step and its figures from the step's own random numbers.</param>
    /// <param name="cancel">Stops after the step; what was reached is kept.</param>
    public static void Run(
        TrainingPlan plan, string name, AdamW optimiser, string[] figures, Func<Random, long, Losses> step, CancellationToken cancel)
    {
        var state = Path.Combine(plan.Folder, $"{name}.state.safetensors");
        var log = new TrainingLog(Path.Combine(plan.Folder, $"{name}.csv"), figures);
        var rate = new LearningRate(plan.Rate, (int)Math.Min(200, Math.Max(plan.Steps / 10, 1)));
        var clock = Stopwatch.StartNew();
        var lastCheckpoint = clock.Elapsed;
        var done = TrainingState.Resume(state, optimiser);
        while (done < plan.Steps && !cancel.IsCancellationRequested)
        {
            var progress = Math.Max((double)done / plan.Steps, plan.Seconds is { } limit ? clock.Elapsed.TotalSeconds / limit : 0);
            if (progress >= 1)
                break;
            using (var scope = NewDisposeScope())
            {
                // Every step has numbers of its own, so that a resumed training goes on as if it had not stopped.
                var seed = (int)(plan.Seed * 1_000_003L + done);
                manual_seed(seed);
                var losses = step(new Random(seed), done);
                optimiser.Step(losses.Total, rate.At(progress, done));
                done++;
                if (done % plan.LogEvery == 0 || done == plan.Steps)
                    log.Write(done, plan.Steps, [.. losses.Figures.Select(f => (double)f.cpu().item<float>())]);
            }
            if (clock.Elapsed - lastCheckpoint > BetweenCheckpoints)
            {
                TrainingState.Save(state, optimiser, done);
                lastCheckpoint = clock.Elapsed;
            }
        }
        TrainingState.Save(state, optimiser, done);
        cancel.ThrowIfCancellationRequested();
    }

    /// <param name="Total">What is minimised.</param>
    /// <param name="Figures">What is reported, scalars on the device.</param>
    internal sealed record Losses(Tensor Total, params Tensor[] Figures);
}
