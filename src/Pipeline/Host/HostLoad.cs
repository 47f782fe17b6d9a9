using System.Text.Json;
using StreamDiff.Models;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Ladder;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// What the device has to do, and what that means for sessions that come and sessions that are there. Belongs to the device's thread.
/// </summary>
internal sealed class HostLoad
{
    // Where nobody has calibrated: corrected by the first passes, good enough to see whether there is room.
    internal static readonly LatencyTerms Rough = new(0.002, 5e-5, 0, 0, 0);

    private readonly LatencyModel _latency;
    private readonly AdmissionControl _admission;
    private readonly bool _refuses;
    private readonly StreamForms _forms;
    private readonly Action<LiveEvent> _log;
    private readonly Dictionary<Session, QualityLadder> _ladders = [];

    // Of sessions that are suspended: they need nothing, and come back as they went.
    private readonly Dictionary<Session, QualityLadder> _aside = [];

    /// <param name="options">The host's.</param>
    /// <param name="forms">Changes VAE and size of sessions.</param>
    /// <param name="codesElsewhere">True where workers encode and decode on other processors than those of the ticks.</param>
    /// <param name="log">Told of what is given up and taken back.</param>
    public HostLoad(HostOptions options, StreamForms forms, bool codesElsewhere, Action<LiveEvent> log)
    {
        (_refuses, _forms, _log) = (options.Latency is not null && options.Refuses, forms, log);
        _latency = options.Latency ?? new LatencyModel(Rough);
        _admission = new AdmissionControl(_latency, options.RowsPerTick, codingWorkers: codesElsewhere ? options.Workers : 0);
    }

    /// <summary>Share of the device's time that all sessions need as they are.</summary>
    public double Load => _admission.Load([.. _ladders.Select(l => Demand(l.Key, l.Value.Quality))]);

    /// <summary>Seconds that coding a chunk takes for each token of a latent frame; 0 where nobody has run yet.</summary>
    public double CodingSecondsPerToken { get; private set; }

    /// <summary>May a session begin?</summary>
    /// <exception cref="AdmissionException">It may not.</exception>
    public void Admit(SessionRequest request, StreamSettings settings)
    {
        if (!_refuses || request.KeepsAll)
            return;
        ForgetWhatWas();
        var geometry = settings.Denoiser.Geometry;
        var newcomer = new SessionDemand(
            request.Slo, settings.Denoiser.Timesteps.Count, geometry.FrameTokens, geometry.WindowFrames - 1, Coding(geometry.FrameTokens));
        // Promised is the whole quality: who has given something up could never take it back otherwise.
        var verdict = _admission.Ask([.. _ladders.Select(l => Demand(l.Key, l.Value.Full))], newcomer);
        if (!verdict.Admitted)
            throw new AdmissionException($"session {request.Name} is not admitted: {verdict.Reason}");
    }

    public void Add(Session session)
    {
        if (!session.Request.KeepsAll)
            _ladders[session] = new QualityLadder(session, _forms);
    }

    public void Remove(Session session)
    {
        _ladders.Remove(session);
        _aside.Remove(session);
    }

    /// <summary>A session needs nothing for a while.</summary>
    public void Suspend(Session session)
    {
        if (_ladders.Remove(session, out var ladder))
            _aside[session] = ladder;
    }

    /// <summary>May a session that was suspended go on? It counts from now on where it may.</summary>
    /// <param name="session">One that is suspended.</param>
    /// <param name="now">Now.</param>
    /// <exception cref="AdmissionException">It may not.</exception>
    public void Resume(Session session, TimeSpan now)
    {
        if (!_aside.TryGetValue(session, out var ladder))
            return;
        ForgetWhatWas();
        if (_refuses && _admission.Ask(
            [.. _ladders.Select(l => Demand(l.Key, l.Value.Full))], Demand(session, ladder.Full)) is { Admitted: false } verdict)
            throw new AdmissionException($"session {session.Name} cannot go on: {verdict.Reason}");
        _aside.Remove(session);
        _ladders[session] = ladder;
        ladder.Resumed(now);
    }

    /// <summary>A pass took so long.</summary>
    public void Measured(TickShape shape, TimeSpan took) => _latency.Observe(shape, took);

    /// <summary>Between ticks: sessions give up what they must and take back what they can.</summary>
    public void Look(TimeSpan now)
    {
        foreach (var (session, ladder) in _ladders.ToArray())
            session.Guard(() => Look(session, ladder, now));
    }

    private void Look(Session session, QualityLadder ladder, TimeSpan now)
    {
        Learn(session);
        if (ladder.Look(now, quality => LoadWith(session, quality)) is not { } move)
            return;
        _log(new LiveEvent(now, move.Down, "session", move.Down ? "degraded" : "recovered",
            $"{JsonNamingPolicy.KebabCaseLower.ConvertName(move.What.ToString())}: {move.Reason}")
        {
            Session = session.Name,
        });
    }

    private double LoadWith(Session one, Quality quality) =>
        _admission.Load([.. _ladders.Select(l => Demand(l.Key, l.Key == one ? quality : l.Value.Quality))]);

    private static SessionDemand Demand(Session session, Quality quality)
    {
        var (slo, steering, form) = (session.Request.Slo, session.Stream.Steering, session.Stream.Form);
        var (width, height) = StreamForm.SizeOf(session.Size, quality.SizeShare);
        var tokens = width / 16 * (height / 16);
        // Steps may have been changed since it began.
        var steps = Math.Max(1, steering.State.Steps - (session.Request.Sampling.Steps - quality.Steps));
        return new SessionDemand(
            slo with { TargetFps = slo.TargetFps * quality.FrameShare }, steps, tokens, form.Lanes.Options.Geometry.WindowFrames - 1,
            session.Meter.Coding * ((double)tokens / form.FrameTokens));
    }

    // What coding costs is known from sessions that run; the first one is let in without.
    private TimeSpan Coding(int frameTokens) => TimeSpan.FromSeconds(CodingSecondsPerToken * frameTokens);

    // What slowed the sessions that are gone may be gone as well, and only sessions could tell: nobody would ever be let in again.
    private void ForgetWhatWas()
    {
        if (_ladders.Count > 0)
            return;
        _latency.Forget();
        CodingSecondsPerToken = 0;
    }

    private void Learn(Session session)
    {
        if (session.Meter.Coding is var coding && coding > TimeSpan.Zero)
            CodingSecondsPerToken = coding.TotalSeconds / session.Stream.Form.FrameTokens;
    }
}

/// <summary>A session would break what others, or itself, are promised. Says why, and what would fit.</summary>
public sealed class AdmissionException(string message) : ModelException(message);
