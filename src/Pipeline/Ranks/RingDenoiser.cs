using StreamDiff.Models.Diffusion;
using StreamDiff.Transport.Links;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// The denoising of one stream by a ring of ranks, with the numbers of one rank. What one rank does in tick t with row i can be done in tick t + i*(D-1) of a ring
/// with D ticks in flight: its input, row i-1 of tick t-1, is back by then, and every cache lane sees the same chunks in the same order. Noise is drawn
/// here in the order of the one-rank schedule, and rows are re-noised here when they come back, so the output does not depend on the number of ranks.
/// </summary>
internal sealed class RingDenoiser : IDisposable
{
    private static int _sessions;

    private readonly RankRing _ring;
    private readonly INoiseSource _noise;
    private readonly DenoiserOptions _options;
    private readonly FlowMatchSchedule _schedule;
    private readonly bool _batch;
    private readonly int _session = Interlocked.Increment(ref _sessions);
    private readonly SortedDictionary<long, VirtualTick> _ticks = [];
    private readonly Queue<Tensor> _finished = new();
    private readonly int _depth;
    private long _begun;
    private long _sent;
    private long _returned;
    private long? _lastVirtual;
    private long _restPosition;
    private int _oldestPrompt;
    private long[] _shape = [];

    /// <param name="ring">Formed; stays the caller's.</param>
    /// <param name="noise">Stays the caller's.</param>
    /// <param name="options">How the stream is denoised.</param>
    /// <param name="batch">Stream batch, or the steps of each chunk one after the other.</param>
    public RingDenoiser(RankRing ring, INoiseSource noise, DenoiserOptions options, bool batch)
    {
        (_ring, _noise, _options, _batch) = (ring, noise, options, batch);
        _schedule = new FlowMatchSchedule(options.Shift);
        _depth = ring.Depth;
        Epoch = ring.Epoch;
        var lanes = batch ? options.Timesteps.Count : 1;
        Control(LinkKind.OpenSession, Controls.Write(SessionOpening.Of(options, lanes)));
        // While the first chunk is prepared, one lane sees all its steps.
        Control(LinkKind.Lanes, Controls.Write(new LaneOrder(false, options.Timesteps.Count)));
    }

    /// <summary>Forming of the ring that the stream lives in.</summary>
    public int Epoch { get; }

    /// <summary>Number of the prompt that ticks begun from now on follow.</summary>
    public int Prompt { get; set; }

    /// <summary>Position in latent frames of the next chunk.</summary>
    public long NextFrame { get; private set; }

    /// <summary>Told every row that comes back: tick of the one-rank schedule, row, its latents (re-noised, the last row clean; only valid during the call).</summary>
    public Action<long, int, Tensor>? Row { get; set; }

    private int Steps => _options.Timesteps.Count;

    /// <summary>Makes a prompt's embeddings known to all ranks; stays the caller's.</summary>
    public void SendPrompt(int number, Tensor embeddings) =>
        _ring.Send(new LinkMessage(_ring.Header(LinkKind.Prompt, _session, number), new TensorPayload(embeddings.clone())));

    /// <summary>Ticks begun from now on follow another prompt; the old one is forgotten on every rank when no row in flight follows it.</summary>
    /// <param name="embeddings">[1, tokens, text_dim]; stays the caller's.</param>
    public void ChangePrompt(Tensor embeddings) => SendPrompt(++Prompt, embeddings);

    /// <summary>Begins the stream, as <see cref="StreamDenoiser.Prepare"/>. The caller disposes the clean chunk.</summary>
    public Tensor Prepare(Tensor noisy)
    {
        var clean = AllSteps(noisy, 0, null);
        NextFrame = noisy.size(1);
        _restPosition = NextFrame * _options.Geometry.FrameTokens;
        if (_batch)
            Control(LinkKind.Lanes, Controls.Write(new LaneOrder(true, 1)));
        return clean;
    }

    /// <summary>Feeds a chunk. Waits while as many ticks as may be are in flight; what has come out is taken with <see cref="TakeFinished"/>.</summary>
    /// <param name="noisy">[1, frames, 16, h, w]; stays the caller's.</param>
    /// <param name="startFrame">Position; null follows the chunk before.</param>
    /// <param name="firstTimestep">Replaces the first denoising timestep; null keeps the schedule's own.</param>
    public void Feed(Tensor noisy, long? startFrame, double? firstTimestep)
    {
        var start = startFrame ?? Advance(noisy.size(1));
        if (!_batch)
        {
            _finished.Enqueue(AllSteps(noisy, start, firstTimestep));
            return;
        }
        _shape = noisy.shape;
        var tick = new VirtualTick(start * _options.Geometry.FrameTokens, firstTimestep ?? _options.Timesteps[0], Prompt, Steps);
        tick.Inputs[0] = noisy.alias().DetachFromDisposeScope();
        // All draws of the one-rank tick now, whenever they are used.
        for (var row = 0; row < Steps - 1; row++)
            tick.Noise[row] = _noise.Draw(_shape).DetachFromDisposeScope();
        _ticks.Add(_begun++, tick);
        SendTick();
        while (_ring.HasResult(_session))
            TakeResult();
    }

    /// <summary>No chunk follows: pushes what is in flight out, tick by tick. False when nothing is left.</summary>
    public bool Drain()
    {
        if (_begun == 0)
            return false;
        _lastVirtual ??= _begun - 1;
        if (_sent <= _lastVirtual + (long)(Steps - 1) * (_depth - 1))
        {
            SendTick();
            return true;
        }
        if (_returned == _sent)
            return false;
        TakeResult();
        return true;
    }

    /// <summary>The next clean chunk that is done, oldest first; null when none is.</summary>
    public Tensor? TakeFinished() => _finished.TryDequeue(out var chunk) ? chunk : null;

    public void Dispose()
    {
        try
        {
            if (_ring.Epoch == Epoch)
                Control(LinkKind.CloseSession, null);
        }
        catch (RankFailedException)
        {
            // Then there is nothing to close.
        }
        foreach (var tick in _ticks.Values)
            tick.Dispose();
        foreach (var chunk in _finished)
            chunk.Dispose();
    }

    private void Control(LinkKind kind, string? detail) => _ring.Send(new LinkMessage(_ring.Header(kind, _session, 0, detail)));

    private long Advance(long frames)
    {
        if (_options.Rotation == Models.KvCache.KeyRotation.Published && _options.RopeRefreshFrame is { } refresh && NextFrame >= refresh)
            NextFrame = _options.Geometry.WindowFrames - 1;
        var start = NextFrame;
        NextFrame += frames;
        return start;
    }

    private Tensor AllSteps(Tensor noisy, long startFrame, double? firstTimestep)
    {
        var latents = noisy.alias().DetachFromDisposeScope();
        for (var step = 0; ; step++)
        {
            var timestep = step == 0 ? firstTimestep ?? _options.Timesteps[0] : _options.Timesteps[step];
            _ring.Pump();
            _ring.Send(new LinkMessage(
                _ring.Header(LinkKind.Tick, _session) with { Rows = [new LinkRow(0, step, -1, startFrame * _options.Geometry.FrameTokens, timestep, Prompt)] }, new TensorPayload(latents)));
            using var result = _ring.Receive(_session);
            var clean = TensorPayload.Copy(result.Payloads[0], CPU);
            if (step == Steps - 1)
                return clean.DetachFromDisposeScope();
            using (clean)
                latents = Renoise(clean, step + 1).DetachFromDisposeScope();
        }
    }

    private void SendTick()
    {
        while (_sent - _returned >= _depth)
            TakeResult();
        _ring.Pump();
        using var scope = NewDisposeScope();
        var rows = new List<LinkRow>();
        var latents = new List<Tensor>();
        for (var row = 0; row < Steps; row++)
        {
            var t = _sent - (long)row * (_depth - 1);
            if (t < 0 || t >= _begun)
                continue;
            var tick = _ticks[t];
            rows.Add(new LinkRow(row, row, t, PositionOf(t, row), row == 0 ? tick.FirstTimestep : _options.Timesteps[row], tick.Prompt));
            latents.Add(tick.Inputs[row] ??= t == 0 ? zeros(_shape).DetachFromDisposeScope() : throw new InvalidOperationException($"row {row} of tick {t} is not back yet"));
        }
        _ring.Send(new LinkMessage(_ring.Header(LinkKind.Tick, _session, _sent) with { Rows = rows }, new TensorPayload(cat(latents))));
        // The last row is the furthest behind: what it follows, nobody follows any more when it has gone on.
        for (var oldest = rows[^1].Prompt; rows[^1].Step == Steps - 1 && _oldestPrompt < oldest; _oldestPrompt++)
            _ring.Send(new LinkMessage(_ring.Header(LinkKind.ForgetPrompt, _session, _oldestPrompt)));
        _sent++;
    }

    // Rows that no chunk has reached yet idle at the place of the first chunk after the prepared one.
    private long PositionOf(long t, int row) => row <= t ? _ticks[t].PositionsBefore(_ticks, t, row) : _restPosition;

    private void TakeResult()
    {
        using var result = _ring.Receive(_session);
        using var scope = NewDisposeScope();
        var clean = TensorPayload.Copy(result.Payloads[0], CPU);
        for (var index = 0; index < result.Header.Rows.Count; index++)
        {
            var row = result.Header.Rows[index].Step;
            var t = result.Header.Rows[index].Chunk;
            var latents = clean.narrow(0, index, 1);
            if (row < Steps - 1)
                Pass(t, row, latents);
            else
                Finish(t, latents);
        }
        _returned++;
    }

    private void Pass(long t, int row, Tensor clean)
    {
        var tick = _ticks[t];
        using var noise = tick.Noise[row]!;
        tick.Noise[row] = null;
        var noisy = _schedule.AddNoise(clean, noise, _options.Timesteps[row + 1]).DetachFromDisposeScope();
        Row?.Invoke(t, row, noisy);
        if (_ticks.TryGetValue(t + 1, out var next))
            next.Inputs[row + 1] = noisy;
        else
            noisy.Dispose();
    }

    private void Finish(long t, Tensor clean)
    {
        Row?.Invoke(t, Steps - 1, clean);
        // What the first ticks end with is what the empty batch held.
        if (t >= Steps - 1)
            _finished.Enqueue(clean.clone().DetachFromDisposeScope());
        // Positions of earlier ticks are asked for by later rows; no row of this one comes any more.
        if (_ticks.Remove(t - Steps, out var old))
            old.Dispose();
    }

    private Tensor Renoise(Tensor clean, int step)
    {
        using var noise = _noise.Draw(clean.shape);
        return _schedule.AddNoise(clean, noise, _options.Timesteps[step]);
    }

    /// <summary>A tick of the one-rank schedule.</summary>
    private sealed class VirtualTick(long position, double firstTimestep, int prompt, int steps) : IDisposable
    {
        public double FirstTimestep => firstTimestep;

        public int Prompt => prompt;

        /// <summary>Latents of each row; null where they are not there yet.</summary>
        public Tensor?[] Inputs { get; } = new Tensor?[steps];

        /// <summary>Noise for each row but the last when it comes back.</summary>
        public Tensor?[] Noise { get; } = new Tensor?[steps];

        public long PositionsBefore(SortedDictionary<long, VirtualTick> ticks, long t, int row) => row == 0 ? position : ticks[t - row].PositionsBefore(ticks, t - row, 0);

        public void Dispose()
        {
            foreach (var tensor in Inputs.Concat(Noise))
                tensor?.Dispose();
        }
    }
}
