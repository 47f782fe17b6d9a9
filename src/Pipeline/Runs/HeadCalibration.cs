using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Runs;

/// <summary>What to measure heads with.</summary>
public sealed record HeadCalibrationOptions
{
    /// <summary>Files or test pictures; every one is run with every prompt.</summary>
    public required IReadOnlyList<MediaAddress> Inputs { get; init; }

    /// <summary>Prompts; an empty one follows the picture only.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>Frames at the window's start that streaming heads see. Default 1.</summary>
    public int SinkFrames { get; init; } = 1;

    /// <summary>Newest frames that streaming heads see. Default 1.</summary>
    public int RecentFrames { get; init; } = 1;

    /// <summary>Share of heads that keep the whole window, 0 to 1. Default 0.5.</summary>
    public double Keep { get; init; } = 0.5;

    /// <summary>Ticks measured of each input and prompt. Default 4.</summary>
    public int Ticks { get; init; } = 4;

    /// <summary>Ticks with a full window of which one is measured. Default 3.</summary>
    public int Every { get; init; } = 3;
}

/// <summary>
/// Splits a model's attention heads by what each loses where it sees the first and the newest frames only: streams are run as a file's are,
/// and <see cref="HeadProbe"/> looks at their ticks. Nothing is trained.
/// </summary>
public static class HeadCalibration
{
    /// <param name="options">Model, size, steps, window, device of the streams.</param>
    /// <param name="calibration">What to measure with.</param>
    /// <param name="log">Told what is done, a line each.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ModelException">The model cannot be used, or nothing filled the window.</exception>
    /// <exception cref="MediaException">An input cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static HeadFile Measure(
        RestyleOptions options, HeadCalibrationOptions calibration, Action<string> log, CancellationToken cancellation)
    {
        // Of the whole window, and without sinks that move to another frame while it is looked at.
        options = options with
        {
            Compute = options.Compute with { Heads = ComputeOptions.AllHeads },
            Sampling = options.Sampling with { SinkThreshold = -1 },
        };
        LibTorch.Load();
        using var inference = inference_mode();
        using var model = LoadedModel.Open(options.Compute);
        var transformer = model.Transformer ?? throw new ModelException("heads are measured on one device, not on ranks");
        var window = options.Sampling.WithDefaultsOf(model.Config).WindowFrames!.Value;
        if (calibration.SinkFrames + calibration.RecentFrames >= window)
            throw new ModelException(
                $"streaming heads that see {calibration.SinkFrames} first and {calibration.RecentFrames} newest frames lack nothing of a "
                + $"window of {window}: ask for a longer window, or let them see fewer");
        var probe = new HeadProbe(transformer.Config, window, calibration.SinkFrames, calibration.RecentFrames, calibration.Every);
        transformer.Probe = probe;
        foreach (var input in calibration.Inputs)
            foreach (var prompt in calibration.Prompts)
            {
                log($"{input.Shown}{(prompt.Length > 0 ? $", {prompt}" : "")}");
                Stream(model, options with
                {
                    Input = options.Input with { Address = input },
                    Sampling = options.Sampling with { Prompt = prompt },
                }, probe, calibration.Ticks, cancellation);
            }
        if (probe.Measured == 0)
            throw new ModelException($"no input is long enough to fill a window of {window} latent frames, {4 * window} pictures");
        var size = options.Frame.SizeFor(model.Model);
        return new HeadFile(probe.Split(calibration.Keep), probe.Scores, FormattableString.Invariant(
            $"{probe.Measured} ticks of {calibration.Inputs.Count} inputs with {calibration.Prompts.Count} prompts, ")
            + FormattableString.Invariant($"{size.Width}x{size.Height}, {options.Sampling.Steps} steps, window {window}"));
    }

    private static void Stream(
        LoadedModel model, RestyleOptions options, HeadProbe probe, int ticks, CancellationToken cancellation)
    {
        using var frames = new FramePool();
        using var source = MediaSources.Open(
            options.Source(options.Frame.SizeFor(model.Model), frames) with { FrameRate = options.Frame.Rate }, cancellation);
        using var hosted = HostedRun.Open(model, options, null, source.Video.TimeBase.ToTime, _ => { });
        using var session = hosted.Host.Start(hosted.Request, finished => finished.Frame.Dispose());
        probe.Begin(ticks);
        while (!probe.HasEnough && !session.Completed.IsCompleted && source.Read(cancellation) is { } unit)
        {
            cancellation.ThrowIfCancellationRequested();
            if (unit is not VideoFrame frame)
            {
                unit.Dispose();
                continue;
            }
            session.WaitForRoom();
            session.Offer(frame, TimeSpan.Zero);
        }
        session.Finish();
        session.Completed.GetAwaiter().GetResult();
    }
}
