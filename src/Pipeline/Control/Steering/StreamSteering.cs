using StreamDiff.Pipeline.Control.Following;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>
/// Turns the changes of a stream into the settings of each of its chunks, and writes them down. For the denoiser's thread.
/// </summary>
internal sealed class StreamSteering : IDisposable
{
    private readonly StreamControls _controls;
    private readonly PromptBook _book;
    private readonly PromptCourse _prompt;
    private readonly NumberCourses _numbers = new();
    private readonly Func<long, TimeSpan> _time;
    private readonly SessionLogWriter? _log;
    private long? _begin;
    private long _frames;
    private long _chunks;

    /// <param name="controls">Where changes come from.</param>
    /// <param name="book">Encodes their prompts; taken over.</param>
    /// <param name="first">Embeddings of the first prompt; taken over.</param>
    /// <param name="state">What the stream begins with.</param>
    /// <param name="time">From a frame's stamp or duration to time.</param>
    /// <param name="log">Where changes are written; null for nowhere.</param>
    public StreamSteering(
        StreamControls controls, PromptBook book, Tensor first, ControlState state, Func<long, TimeSpan> time, SessionLogWriter? log)
    {
        (_controls, _book, _prompt, _time, _log) = (controls, book, new PromptCourse(first), time, log);
        State = state;
    }

    /// <summary>Settings of the chunk that began last.</summary>
    public ControlState State { get; private set; }

    /// <summary>Embeddings of the prompt of the chunk that began last; stay the steering's.</summary>
    public Tensor Prompt => _prompt.Now;

    /// <summary>A chunk begins: changes that are due take effect.</summary>
    /// <param name="frames">Its frames.</param>
    /// <param name="hasInput">See <see cref="ChunkSpan.HasInput"/>.</param>
    /// <returns>The changes that did.</returns>
    public IReadOnlyList<AppliedChange> Begin(IReadOnlyList<FrameTiming> frames, bool hasInput = true)
    {
        // A source's first frame need not lie at 0.
        _begin ??= frames[0].Pts;
        var span = Span(frames) with { HasInput = hasInput };
        (_chunks, _frames) = (_chunks + 1, _frames + frames.Count);
        var applied = _controls.Take(span, Apply);
        foreach (var change in applied)
            if (change.Change.IsLogged)
                _log?.Write(change);
        return applied;
    }

    /// <summary>The same for a chunk, whose picture says more than its frames' times.</summary>
    public IReadOnlyList<AppliedChange> Begin(LatentChunk chunk)
    {
        _controls.Signals.See(chunk.Motion, chunk.IsCut);
        _begin ??= chunk.Timing[0].Pts;
        _controls.See(new SeenChunk(
            (double)chunk.Latents.size(4) / chunk.Latents.size(3), [.. chunk.Timing.Select(t => _time(t.Pts - _begin.Value))],
            chunk.Faces));
        return Begin(chunk.Timing, chunk.Inputs is not null);
    }

    /// <summary>True where a chunk of these frames may begin: what takes effect with it is there, or need not be.</summary>
    public bool IsReady(IReadOnlyList<FrameTiming> frames) => _controls.IsReady(Span(frames));

    private ChunkSpan Span(IReadOnlyList<FrameTiming> frames)
    {
        var begin = _begin ?? frames[0].Pts;
        return new ChunkSpan(
            _chunks, _frames, _frames + frames.Count - 1, _time(frames[^1].Pts - begin + Math.Max(frames[^1].Duration, 1)))
        {
            Begin = _time(frames[0].Pts - begin),
            Origin = _time(begin),
            Length = Length(frames),
        };
    }

    /// <summary>How far the stream's pictures are from its first, of late; null for not known yet. From any thread.</summary>
    public void Drifted(double? drift) => _controls.Signals.Drifted(drift);

    // Frames of a live source have no duration: it is that of those before the last.
    private TimeSpan Length(IReadOnlyList<FrameTiming> frames)
    {
        var spread = frames[^1].Pts - frames[0].Pts;
        return _time(spread + (frames[^1].Duration > 0 || frames.Count == 1 ? frames[^1].Duration : spread / (frames.Count - 1)));
    }

    /// <summary>
    /// Chunks that a loopback goes back at least, so that what it wants has come out by then; what was asked for with less becomes it, also
    /// in the log. Default: as for one tick in flight.
    /// </summary>
    public int LeastLoopbackDelay { get; init; } = LoopbackChange.UsualDelay;

    // What it became, for the log: numbers that hold whatever was before.
    private ControlChange Apply(ControlChange change)
    {
        if (change is SeedStepChange step)
            change = new SeedChange(unchecked(State.Seed + step.Step));
        if (change is LoopbackChange loopback && loopback.Delay < LeastLoopbackDelay)
            change = loopback with { Delay = LeastLoopbackDelay };
        if (change is NumberChange number)
            State = _numbers.Change(State, number);
        else
            State = State.With(change);
        if (change is PromptChange prompt)
            _prompt.Change(_book.Take(prompt.Text), prompt.BlendChunks, prompt.Kind, prompt.Easing);
        return change;
    }

    /// <summary>
    /// The chunk that began is denoised, not held: numbers and prompt go on their ways. True when the prompt is not that of the chunk
    /// before.
    /// </summary>
    public bool Next()
    {
        State = _numbers.Next(State);
        if (State.RefreshLeft > 0)
            State = State with { RefreshLeft = State.RefreshLeft - 1 };
        return _prompt.Next();
    }

    public void Dispose()
    {
        _controls.Close();
        _prompt.Dispose();
        _book.Dispose();
    }
}
