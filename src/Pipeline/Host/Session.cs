using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Following;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// One stream on a host: frames in, restyled frames out, with promises about time. All members may be used from any thread.
/// </summary>
public sealed class Session : IDisposable
{
    private const long None = -1;

    private readonly SessionRequest _request;
    private readonly LiveClock _clock;
    private readonly ServiceMeter _meter = new();
    private readonly Intake _intake;
    private readonly HandOver _handOver;
    private readonly FormEncoder _encoder = new();
    private readonly FormDecoder _decoder;
    private readonly StageQueue _encodes;
    private readonly StageQueue _decodes;
    private readonly FramePool _frames = new();
    private readonly Action<Session> _changed;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CountdownEvent _closed = new(3);
    private readonly DriftMonitor _drift = new();
    private FaceFinder? _faces;
    private long _anotherFrom = None;
    private long _tooLate;
    // The encoder's worker's own: what the pictures of the chunk to come have taken so far, and its number.
    private TimeSpan _preparing;
    private long _nextEncoded;
    private int _state;
    private volatile IReadOnlyList<string> _degraded = [];

    internal Session(
        int number, SessionRequest request, DeviceStream stream, Func<Chunker> chunkers, StreamControls controls, HostWorkers workers,
        LiveClock clock, Action<FinishedFrame> output, Action<Session> changed)
    {
        (Number, _request, Size, Stream, Controls, _clock, _changed) = (number, request, request.Size, stream, controls, clock, changed);
        _decoder = new FormDecoder(
            _frames, request.Size, request.HasAlpha, request.Log is { } log ? (chunk, made) => Write(log, chunk, made) : null);
        // What is asked to look otherwise does not drift.
        controls.Applied += applied =>
        {
            if (applied.Change is PromptChange or LoraChange or NoiseScaleChange or StepsChange or MixChange or RegionChange
                or RegionFollowChange or KeyChange or LoopbackChange)
                Interlocked.Exchange(ref _anotherFrom, applied.Chunk);
        };
        _encodes = workers.Open(Fail);
        _decodes = workers.Open(Fail);
        _intake = new Intake(request, stream.Form, chunkers, () => stream.MostUnderWay, clock, Encode, Prepare);
        _handOver = new HandOver(request, clock, _meter, output, Left, Fail);
    }

    /// <summary>Number on its host; never used twice.</summary>
    public int Number { get; }

    public string Name => _request.Name;

    public SessionRequest Request => _request;

    /// <summary>Size of the frames it takes and gives.</summary>
    public (int Width, int Height) Size { get; }

    /// <summary>Changes while it runs.</summary>
    public StreamControls Controls { get; }

    /// <summary>
    /// Done when all frames offered before <see cref="Finish"/> have been handed over; fails with what ended the session before.
    /// </summary>
    public Task Completed => _completed.Task;

    /// <summary>What ended the session; null while it is well.</summary>
    public Exception? Fault => _completed.Task.Exception?.InnerException;

    /// <summary>True once it was stopped, or has failed.</summary>
    public bool IsOver => Volatile.Read(ref _state) != 0;

    public SessionStatistics Statistics => _meter.Read(_intake.Offered, Lost + _intake.LeftOut, Stream.Steering.Steps, _degraded) with
    {
        Drift = _drift.Drift,
    };

    internal DeviceStream Stream { get; }

    internal Intake Intake => _intake;

    /// <summary>Frames that were lost because something was too slow, or their source went.</summary>
    internal long Lost => Missed + _intake.Passed;

    /// <summary>Frames that were lost because something was too slow.</summary>
    internal long Missed => _intake.Dropped + _handOver.Dropped + Interlocked.Read(ref _tooLate);

    internal ServiceMeter Meter => _meter;

    internal TimeSpan AfterDenoising => _meter.AfterDenoising;

    /// <summary>Waits until the session, which keeps all frames, has room for another, or is over.</summary>
    public void WaitForRoom() => _intake.WaitForRoom();

    /// <summary>Takes a frame over; never waits.</summary>
    /// <param name="frame">A frame of the session's size.</param>
    /// <param name="taken">When the source took it, on the host's clock; says nothing where frames keep their own stamps.</param>
    public void Offer(VideoFrame frame, TimeSpan taken)
    {
        if (IsOver)
        {
            frame.Dispose();
            return;
        }
        if ((frame.Width, frame.Height) != Size)
        {
            frame.Dispose();
            throw new PipelineException(
                "session", 0, new ArgumentException($"session {Name} takes pictures of {Size.Width}x{Size.Height}", nameof(frame)));
        }
        _intake.Offer(frame, taken);
    }

    /// <summary>The next frame does not follow the one before.</summary>
    public void Discontinue() => _intake.Discontinue();

    /// <summary>No frame will follow; those under way still come out.</summary>
    public void Finish()
    {
        _intake.Finish();
        CompleteIfEmpty();
        // What waits for a chunk that would push it out waits for none now.
        _changed(this);
    }

    /// <summary>Ends the session at once. Returns when all it held is free, but for a receiver that is stuck.</summary>
    public void Dispose()
    {
        End(null);
        _closed.Wait();
        Stream.Steering.Ended.Wait();
        _handOver.End();
        _frames.Dispose();
        // Sessions of all sizes that come and go leave holes in the heap: 50 MB in an hour of 1,400 of them.
        NativeHeap.Trim();
    }

    /// <summary>Ends the session with the reason; from any of its threads.</summary>
    internal void Fail(Exception error) => End(Explain(error));

    /// <summary>Does something for this session: what goes wrong ends it and no other.</summary>
    internal void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <summary>A chunk is denoised; from the device's thread.</summary>
    internal void Decode(LatentChunk clean, ChunkTrace trace, int groups) =>
        _decodes.Add(trace.Deadline, clean, () => InStage("decode", clean.Index, () =>
        {
            trace.Ended(ChunkStage.DecodeWait, _clock.Now);
            var batch = _handOver.Begin(trace, groups);
            _decoder.Decode(clean, trace.Form, frame =>
            {
                Look(clean, frame);
                batch.Add(frame);
            });
            trace.Ended(ChunkStage.Decode, _clock.Now);
            batch.End();
        }));

    /// <summary>Groups have left the queue of the transformer; from the device's thread.</summary>
    internal void Admitted(int groups) => _intake.Admitted(groups, Stream.Wanted);

    /// <summary>Groups have come to their end, shown or not.</summary>
    internal void Left(int groups)
    {
        _intake.Left(groups);
        CompleteIfEmpty();
    }

    /// <summary>Groups that would have come too late were left out.</summary>
    internal void LeftOut(int groups)
    {
        Interlocked.Add(ref _tooLate, groups * Chunker.FramesPerLatent);
        _intake.Admitted(groups, Stream.Wanted);
        Left(groups);
    }

    /// <summary>Frames to come are computed as another form, taken over; from the device's thread.</summary>
    internal void Become(StreamForm form)
    {
        Stream.Become(form);
        _intake.Become(form);
    }

    /// <summary>Makes of what ends the session what its user reads.</summary>
    internal Func<Exception, Exception> Explain { get; init; } = error => error;

    /// <summary>The stream is gone; from the device's thread.</summary>
    internal void StreamEnded() => _closed.Signal();

    internal void SetDegraded(IReadOnlyList<string> degraded) => _degraded = degraded;

    /// <summary>Does a stage's work; a fault inside names it, what is the user's to mend stays as it is.</summary>
    internal static void InStage(string stage, long chunk, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
            when (e is not (ModelException or MediaException or ControlException or PipelineException or OperationCanceledException))
        {
            throw new PipelineException(stage, chunk, e);
        }
    }

    private void Prepare(PreparedPicture picture) =>
        _encodes.Add(picture.Deadline, picture.Copy, () => InStage("encode", _nextEncoded, () =>
        {
            var begun = _clock.Now;
            _encoder.Prepare(picture.Copy, picture.Form, picture.IsFirst);
            _preparing = (picture.IsFirst ? TimeSpan.Zero : _preparing) + _clock.Now - begun;
        }));

    private void Encode(FrameChunk chunk, ChunkTrace trace) =>
        _encodes.Add(trace.Deadline, chunk, () => InStage("encode", chunk.Index, () =>
        {
            var begun = _clock.Now;
            trace.Ended(ChunkStage.EncodeWait, begun);
            (trace.Prepared, _preparing, _nextEncoded) = (_preparing, TimeSpan.Zero, chunk.Index + 1);
            var latents = _encoder.Encode(chunk, trace.Form);
            if (Controls.WantsFaces)
            {
                _faces ??= new FaceFinder(FaceCascade.Default);
                latents = latents with { Faces = _faces.Find(chunk.Frames[chunk.Timing.Count - 1]) };
            }
            if (Controls.NeedsInput)
                latents = latents with { Inputs = [.. chunk.Frames.Take(chunk.Timing.Count).Select(f => f.Pixels.ToArray())] };
            trace.Ended(ChunkStage.Encode, _clock.Now);
            _intake.Encoded(trace.Prepared + _clock.Now - begun);
            Stream.Offer(latents, trace);
            _changed(this);
        }));

    // The last frame of a chunk, as those that went in are looked at.
    private void Look(LatentChunk chunk, VideoFrame frame)
    {
        if (chunk.Look is not { } input || frame.Index != chunk.Timing[^1].Index)
            return;
        // Chunks that were under way when it took effect look as before.
        if (Interlocked.Read(ref _anotherFrom) is var from && from != None && chunk.Index >= from
            && Interlocked.CompareExchange(ref _anotherFrom, None, from) == from)
            _drift.Restart();
        _drift.Add(input, PictureLook.Of(frame));
        Stream.Steering.Drifted(_drift.Drift);
    }

    private void CompleteIfEmpty()
    {
        if (_intake.IsDone)
            _completed.TrySetResult();
    }

    private static void Write(SessionLogWriter log, LatentChunk chunk, IReadOnlyList<VideoFrame> frames) =>
        log.Write(new LoggedChunk(chunk.Index, [.. chunk.Timing.Select(t => t.Index)], FrameDigest.Of(frames)));

    private void End(Exception? error)
    {
        if (Interlocked.Exchange(ref _state, 1) != 0)
            return;
        if (error is not null)
        {
            _completed.TrySetException(error);
            // Nobody need look at it.
            _ = _completed.Task.Exception;
        }
        _intake.Dispose();
        _encodes.Close(() => Closed(_encoder));
        _decodes.Close(() => Closed(_decoder));
        _completed.TrySetResult();
        _changed(this);
    }

    private void Closed(IDisposable coder)
    {
        coder.Dispose();
        _closed.Signal();
    }
}
