using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>The transformer's side of one session: encoded groups in, clean chunks out. Belongs to the device's thread; only <see cref="Offer"/> may come from elsewhere.</summary>
internal sealed class SessionStream : IDisposable
{
    private const double Margin = 1.5;

    private readonly Lock _gate = new();
    private readonly Queue<(LatentChunk Latents, ChunkTrace Trace)> _waiting = new();
    private readonly Queue<Admitted> _admitted = new();
    private readonly ChunkSteering _steering;
    private readonly int _ticksInFlight;
    private SessionForm _form;
    private SessionForm? _next;
    private bool _isDisposed;

    /// <param name="form">Taken over.</param>
    /// <param name="ticksInFlight">Ticks of the host that may be in flight.</param>
    /// <param name="steering">Taken over.</param>
    public SessionStream(SessionForm form, int ticksInFlight, ChunkSteering steering) => (_form, _ticksInFlight, _steering) = (form, ticksInFlight, steering);

    public ChunkSteering Steering => _steering;

    /// <summary>Form of the chunks that are admitted.</summary>
    public SessionForm Form => _form;

    public LaneStream Lanes => _form.Lanes;

    /// <summary>True from <see cref="Become"/> until the first chunk of the new form is admitted.</summary>
    public bool IsChanging => _next is not null;

    /// <summary>Encoded groups that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _waiting.Count;
        }
    }

    /// <summary>Latent frames that the next chunk is to have, where so many wait; 0 lets them wait.</summary>
    public int Wanted { get; set; } = 1;

    /// <summary>Called before a pass with rows of the session: where a test makes it fail.</summary>
    public Action? Running { get; set; }

    /// <summary>True leaves groups out early, so that those that go on have time to spare.</summary>
    public bool Drops { get; set; }

    /// <summary>Tokens computed for the session, divided by its weight.</summary>
    public double Served { get; private set; }

    /// <summary>Another form is on its way, with the first group that has it.</summary>
    /// <param name="next">Taken over; may share the lanes of the present one.</param>
    public void Become(SessionForm next) => _next = next;

    /// <summary>Takes an encoded group; from the encoder's worker.</summary>
    public void Offer(LatentChunk latents, ChunkTrace trace)
    {
        lock (_gate)
        {
            if (!_isDisposed)
            {
                _waiting.Enqueue((latents, trace));
                return;
            }
        }
        latents.Dispose();
    }

    /// <summary>Admits the next chunk where none is before it: as late as possible, so that it takes the newest settings.</summary>
    /// <returns>Groups that have left the queue; whether they go no further because the session is paused.</returns>
    public (int Groups, bool IsHeld) Admit(Func<TimeSpan> now)
    {
        if (Wanted == 0 || Lanes.NotBegun > 0 || Lanes.InFlight > _steering.Steps * _ticksInFlight || !ChangeOver() || Take() is not { } groups)
            return (0, false);
        using var scope = NewDisposeScope();
        // The decoder must see the first group of a form, and before it there is no picture to hold.
        var isFirst = IsFirst(groups[0].Latents);
        var chunk = Join(groups);
        _steering.Begin(chunk.Timing);
        if (_steering.State.IsPaused && !isFirst)
        {
            chunk.Dispose();
            return (groups.Count, true);
        }
        var number = Lanes.NextChunk;
        var (noisy, settings, prompt) = _steering.Admit(number, chunk, Math.Max(1, Lanes.Lanes + Lanes.Pool.FreeLanes));
        try
        {
            Lanes.Admit(noisy, settings);
        }
        catch
        {
            prompt.Dispose();
            throw;
        }
        finally
        {
            chunk.Dispose();
        }
        var trace = groups[0].Trace;
        trace.Ended(SessionStage.AdmitWait, now());
        _admitted.Enqueue(new Admitted(number, chunk.Timing, settings.Timesteps.Count, groups.Count, trace, prompt));
        return (groups.Count, false);
    }

    /// <summary>Leaves out groups that wait and cannot be in time any more, so that newer ones can; the newest stays. Returns their number.</summary>
    /// <param name="now">Now.</param>
    /// <param name="needed">From admission to hand-over, as it was of late.</param>
    public int LeaveOutLate(TimeSpan now, TimeSpan needed)
    {
        if (Lanes.NextChunk == 0)
            return 0;
        var (left, until) = (0, now + (Drops ? Margin : 1) * needed);
        lock (_gate)
        {
            for (; _waiting.Count > 1 && until > _waiting.Peek().Trace.Deadline && _waiting.Peek().Trace.Form == _form; left++)
                _waiting.Dequeue().Latents.Dispose();
        }
        return left;
    }

    /// <summary>A chunk that is done, the oldest first; null when there is none.</summary>
    public (LatentChunk Clean, ChunkTrace Trace, int Groups)? TakeDone(TimeSpan now)
    {
        if (!Lanes.TryTake(out var number, out var clean))
            return null;
        var chunk = _admitted.Dequeue();
        chunk.Prompt.Dispose();
        chunk.Trace.Ended(SessionStage.Denoise, now);
        return (new LatentChunk(number, clean.DetachFromDisposeScope(), 0, chunk.Timing), chunk.Trace, chunk.Groups);
    }

    /// <summary>What a policy is told.</summary>
    public StreamView View(int number, SessionSlo slo, TimeSpan afterDenoising)
    {
        var ready = Lanes.Ready;
        var rows = new RowView[ready.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var chunk = _admitted.First(a => a.Number == ready[i].Chunk);
            rows[i] = new RowView(
                ready[i].Chunk, ready[i].Step, chunk.Steps - ready[i].Step, ready[i].Frames, chunk.Trace.End(SessionStage.Collect), chunk.Trace.Deadline,
                Lanes.CachedFrames(ready[i]), Lanes.Options.Geometry.FrameTokens);
        }
        var geometry = Lanes.Options.Geometry;
        return new StreamView(number, rows, Waiting, _steering.Steps, slo, afterDenoising, Served, geometry.FrameTokens, geometry.WindowFrames - 1);
    }

    /// <summary>Rows of the session were computed.</summary>
    public void Serve(ReadyRow row, int weight) => Served += (double)row.Frames * Lanes.Options.Geometry.FrameTokens / Math.Max(1, weight);

    /// <summary>A session that comes later does not make up for what it never asked for.</summary>
    public void ServedSince(double served) => Served = Math.Max(Served, served);

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            while (_waiting.TryDequeue(out var group))
                group.Latents.Dispose();
        }
        while (_admitted.TryDequeue(out var chunk))
            chunk.Prompt.Dispose();
        if (_next is { } next && next.Lanes != _form.Lanes)
            next.Dispose();
        _form.Dispose();
        _steering.Dispose();
    }

    private List<(LatentChunk Latents, ChunkTrace Trace)>? Take()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
                return null;
            // The first group is two frames already; a window has its limits.
            var alike = _waiting.TakeWhile(g => g.Trace.Form == _form).Count();
            var count = IsFirst(_waiting.Peek().Latents) ? 1 : Math.Clamp(Wanted, 1, Math.Min(alike, Lanes.MostFrames()));
            var groups = new List<(LatentChunk Latents, ChunkTrace Trace)>(count);
            for (var i = 0; i < count; i++)
                groups.Add(_waiting.Dequeue());
            return groups;
        }
    }

    // Chunks of the old form leave first. False while they have not.
    private bool ChangeOver()
    {
        if (_next is not { } next)
            return true;
        lock (_gate)
            if (_waiting.Count == 0 || _waiting.Peek().Trace.Form == _form)
                return true;
        if (next.Lanes != _form.Lanes)
        {
            if (Lanes.InFlight > 0)
                return false;
            _form.Dispose();
        }
        (_form, _next) = (next, null);
        return true;
    }

    private bool IsFirst(LatentChunk group) => Lanes.NextChunk == 0 || group.Latents.size(1) > 1;

    private static LatentChunk Join(List<(LatentChunk Latents, ChunkTrace Trace)> groups)
    {
        if (groups.Count == 1)
            return groups[0].Latents;
        var joined = cat([.. groups.Select(g => g.Latents.Latents)], 1).DetachFromDisposeScope();
        foreach (var (latents, _) in groups)
            latents.Dispose();
        return new LatentChunk(groups[0].Latents.Index, joined, groups.Max(g => g.Latents.Motion), [.. groups.SelectMany(g => g.Latents.Timing)]);
    }

    private sealed record Admitted(long Number, IReadOnlyList<FrameTiming> Timing, int Steps, int Groups, ChunkTrace Trace, SharedPrompt Prompt);
}
