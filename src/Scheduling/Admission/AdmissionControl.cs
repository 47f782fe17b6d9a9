using System.Globalization;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Admission;

/// <summary>What a session asks of the device.</summary>
/// <param name="Slo">What it is promised.</param>
/// <param name="Steps">Denoising steps.</param>
/// <param name="FrameTokens">Tokens of a latent frame.</param>
/// <param name="CachedFrames">Latent frames that a full cache holds.</param>
/// <param name="VaeTime">Encoding and decoding of a chunk; zero where not known.</param>
public sealed record SessionDemand(SessionSlo Slo, int Steps, int FrameTokens, int CachedFrames, TimeSpan VaeTime)
{
    /// <summary>Pictures that a latent frame stands for.</summary>
    public const int FramesPerLatent = 4;

    /// <summary>Chunks a second.</summary>
    public double ChunkRate => Slo.TargetFps / FramesPerLatent;

    /// <summary>One step of one chunk in a tick of its own.</summary>
    public TickShape Row => new(1, 1, FrameTokens, CachedFrames);
}

/// <summary>May a session begin?</summary>
/// <param name="Admitted">True when it may.</param>
/// <param name="Load">Share of the device's time that all would need with it.</param>
/// <param name="Reason">Why not, and what would fit; empty when admitted.</param>
public sealed record AdmissionVerdict(bool Admitted, double Load, string Reason);

/// <summary>
/// Lets a session begin when, with it, everybody's promise can still be kept: the device has time for all, and a chunk that comes when the
/// others' chunks have just come is in time behind them.
/// </summary>
/// <param name="model">Predicts ticks.</param>
/// <param name="maxLanes">Most rows of one tick.</param>
/// <param name="mostLoad">Default 0.9: what is left is for what no model foresees.</param>
/// <param name="codingWorkers">Processors that encode and decode beside the one that ticks run on. Default 0: all runs on one
/// device.</param>
public sealed class AdmissionControl(LatencyModel model, int maxLanes, double mostLoad = 0.9, int codingWorkers = 0)
{
    /// <summary>Share of the device's time that sessions need; of the workers' time, where they have more to do.</summary>
    public double Load(IReadOnlyList<SessionDemand> sessions)
    {
        var ticks = sessions.Sum(s => s.ChunkRate * s.Steps * RowTime(s, sessions).TotalSeconds);
        var coding = sessions.Sum(s => s.ChunkRate * s.VaeTime.TotalSeconds);
        return codingWorkers > 0 ? Math.Max(ticks, coding / codingWorkers) : ticks + coding;
    }

    /// <summary>Asks for a newcomer.</summary>
    public AdmissionVerdict Ask(IReadOnlyList<SessionDemand> running, SessionDemand newcomer)
    {
        var all = running.Append(newcomer).ToArray();
        var load = Load(all);
        if (load > mostLoad)
            return new AdmissionVerdict(false, load,
                Text($"it would load the device to {100 * load:0} %, {100 * mostLoad:0} % is the most: {Fitting(running, newcomer)}"));
        if (Latency(newcomer, all) is var own && own > newcomer.Slo.Deadline)
            return new AdmissionVerdict(
                false, load,
                Text(
                    $"its frames would take {own.TotalMilliseconds:0} ms, the deadline is {newcomer.Slo.Deadline.TotalMilliseconds:0} ms: ",
                    $"{Alone(newcomer)}"));
        if (FirstFrame(newcomer, all) is var first && first > newcomer.Slo.FirstFrameLimit)
            return new AdmissionVerdict(
                false, load,
                Text(
                    $"its first picture would take {first.TotalMilliseconds:0} ms, {newcomer.Slo.FirstFrameLimit.TotalMilliseconds:0} ms ",
                    $"are promised: {AloneFirst(newcomer)}"));
        foreach (var session in running)
            if (Latency(session, all) is var latency && latency > session.Slo.Deadline)
                return new AdmissionVerdict(
                    false, load,
                    Text(
                        $"frames of a running session would take {latency.TotalMilliseconds:0} ms instead of at most ",
                        $"{session.Slo.Deadline.TotalMilliseconds:0} ms: it fits when another session ends"));
        return new AdmissionVerdict(true, load, "");
    }

    // Collecting the chunk, waiting for the tick that runs, then everybody's chunk at once.
    private TimeSpan Latency(SessionDemand session, SessionDemand[] all)
    {
        // The first picture waits for the three behind it.
        var collect = TimeSpan.FromSeconds((SessionDemand.FramesPerLatent - 1) / session.Slo.TargetFps);
        return collect + LongestTick(all) + session.Steps * RowTime(session, all) + session.VaeTime + Others(session, all);
    }

    // The first chunk is two latent frames, and nothing is cached yet.
    private TimeSpan FirstFrame(SessionDemand session, SessionDemand[] all) =>
        LongestTick(all) + session.Steps * model.Predict(session.Row with { LatentFrames = 2, CachedFrames = 0 }) + session.VaeTime
        + Others(session, all);

    // A tick that runs cannot be interrupted, whoever it belongs to.
    private TimeSpan LongestTick(SessionDemand[] all) => all.Max(s => RowTime(s, all));

    // What comes at the same moment is shared by deadline: half of it is ahead on average.
    private TimeSpan Others(SessionDemand session, SessionDemand[] all) =>
        TimeSpan.FromSeconds(all.Where(s => !ReferenceEquals(s, session)).Sum(s => RowTime(s, all).TotalSeconds * s.Steps) / 2);

    // A row's share of a tick as full as these sessions can make it.
    private TimeSpan RowTime(SessionDemand session, IReadOnlyList<SessionDemand> all)
    {
        var rows = Math.Clamp(all.Where(s => s.FrameTokens == session.FrameTokens).Sum(s => s.Steps), 1, maxLanes);
        var alone = model.Predict(session.Row);
        var shared = model.Predict(session.Row with { Lanes = rows }) / rows;
        return shared < alone ? shared : alone;
    }

    private string Fitting(IReadOnlyList<SessionDemand> running, SessionDemand newcomer)
    {
        var left = mostLoad - Load(running);
        for (var steps = newcomer.Steps - 1; steps >= 1; steps--)
            if (Load([.. running, newcomer with { Steps = steps }]) <= mostLoad)
                return Text($"with {steps} step{(steps == 1 ? "" : "s")} it fits now");
        var one = newcomer with { Steps = 1 };
        var each = Load([.. running, one]) - Load(running);
        var fps = each > 0 ? one.Slo.TargetFps * left / each : 0;
        return fps >= 1
            ? Text($"with 1 step it fits at {Math.Floor(fps):0} frames a second")
            : Text(
                $"the others load it to {100 * Load(running):0} %; it fits when they load it to ",
                $"{100 * Math.Max(0, mostLoad - (Load([newcomer]))):0} %");
    }

    private string Alone(SessionDemand newcomer) => Latency(newcomer, [newcomer]) > newcomer.Slo.Deadline
        ? Text($"even alone they take {Latency(newcomer, [newcomer]).TotalMilliseconds:0} ms")
        : "it fits when another session ends";

    private string AloneFirst(SessionDemand newcomer) => FirstFrame(newcomer, [newcomer]) > newcomer.Slo.FirstFrameLimit
        ? Text($"even alone it takes {FirstFrame(newcomer, [newcomer]).TotalMilliseconds:0} ms")
        : "it fits when another session ends";

    private static string Text(params FormattableString[] parts) => string.Concat(parts.Select(FormattableString.Invariant));
}
