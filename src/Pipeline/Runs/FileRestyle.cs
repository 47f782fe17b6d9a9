using System.Collections.Concurrent;
using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// Restyles one file for one or more: a host with one session that keeps all frames, between a source and a sink; sound goes around the
/// model.
/// </summary>
public static class FileRestyle
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(250);

    /// <summary>Runs to the end of the input, or until cancelled; then what is in flight is finished and the output closed.</summary>
    /// <exception cref="MediaException">The input cannot be read or the output not be written.</exception>
    /// <exception cref="ModelException">The model cannot be used as asked.</exception>
    /// <exception cref="PipelineException">A fault inside; what was finished before is in the output.</exception>
    public static RestyleResult Run(RestyleOptions options, IProgress<RestyleProgress> progress, CancellationToken cancellation) =>
        Run(options, null, progress, cancellation);

    /// <summary>The same for a run whose settings change while it goes on.</summary>
    /// <param name="options">The run.</param>
    /// <param name="controls">Its changes; null where only the options' timeline counts.</param>
    /// <param name="progress">Told about four times a second.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="ControlException">Timeline or log cannot be used, or ask for what the run cannot do.</exception>
    public static RestyleResult Run(
        RestyleOptions options, StreamControls? controls, IProgress<RestyleProgress> progress, CancellationToken cancellation)
    {
        // A source that cannot be read is told of before a large model is loaded.
        var plan = ComputePlan.Of(options.Compute, DefaultThreads);
        using var inference = inference_mode();
        using var frames = new FramePool();
        using var source = Source(options, options.Frame.SizeFor(plan.Model), frames, controls?.Recording?.Frames, cancellation);

        var notes = new ConcurrentQueue<string>();
        using var model = LoadedModel.Open(plan, notes.Enqueue);
        foreach (var (part, text) in model.Notes)
            notes.Enqueue(part == "heads" ? $"heads: {text}" : $"{part} {text}");
        void Note(LiveEvent happened)
        {
            if (happened.State == "note")
                notes.Enqueue(happened.Text);
        }
        using var hosted = HostedRun.Open(model, options, controls, source.Video.TimeBase.ToTime, Note);
        using var sink = new FileOutputs(options.Output, source.Video, source.Audio);

        var sheet = options.Output.ContactSheet is null ? null : new ContactSheet(source.Video);
        using var run = new FileRun(source, sink, hosted, progress, sheet, () => [.. notes]);
        var last = run.Execute(cancellation);
        sheet?.Write(options.Output.ContactSheet!);
        if (hosted.End(cancellation.IsCancellationRequested) is { } problem)
            notes.Enqueue(problem);
        return new RestyleResult(last, cancellation.IsCancellationRequested, [.. Notes(source, sink, last, cancellation), .. notes]);
    }

    // Three stages compute at the same time: on a small machine a thread each is enough to keep the cores busy, and none waits for
    // another's share.
    private static int DefaultThreads(ComputeTarget target) =>
        target.Device.type == TorchSharp.DeviceType.CPU
            ? Math.Max(1, Environment.ProcessorCount / 2)
            : Math.Min(4, Environment.ProcessorCount);

    private static IFrameSource Source(
        RestyleOptions options, (int Width, int Height) size, FramePool pool, IReadOnlyList<long>? wanted, CancellationToken cancellation)
    {
        var wish = options.Source(size, pool) with { FrameRate = options.Frame.Rate, Duration = options.Input.Duration };
        var source = MediaSources.Open(wish, cancellation);
        return wanted is null ? source : new ChosenFrames(source, wanted);
    }

    private static List<string> Notes(IFrameSource source, IFrameSink sink, RestyleProgress last, CancellationToken cancellation)
    {
        var notes = new List<string>();
        notes.AddRange(source.Statistics.Warnings);
        notes.AddRange(sink.Warnings);
        if (last.FramesOut == 0 && !cancellation.IsCancellationRequested)
            throw new MediaException("the input holds no picture that can be decoded");
        return notes;
    }

    /// <summary>The stages of one run.</summary>
    // The caller's thread reads; the session's own writes.
    private sealed class FileRun(
        IFrameSource source, IFrameSink sink, HostedRun hosted, IProgress<RestyleProgress> progress, ContactSheet? sheet,
        Func<IReadOnlyList<string>> notes) : IDisposable
    {
        private readonly ConcurrentQueue<AudioPacket> _sound = new();
        private readonly HeardFrames _heard = new(source, hosted.Request.Controls!.Signals.Sound);
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly StageMeter _reading = new("read");
        private readonly StageMeter _writing = new("write");
        private TimeSpan _reported;
        private long _framesIn;
        private long _framesOut;

        public RestyleProgress Execute(CancellationToken cancellation)
        {
            using var session = hosted.Host.Start(hosted.Request, finished => Write(finished.Frame));
            // What the model makes of the prompt is worth knowing now, not after an hour.
            progress.Report(Progress(session));
            using var over = new CancellationTokenSource();
            // A source that waits for its sender would not see that nobody reads any more.
            var told = session.Completed.ContinueWith(_ => over.Cancel(), TaskScheduler.Default);
            // Nor would one that stands still see that it is to end.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellation);
            try
            {
                while (Read(session, stop.Token))
                    Report(session);
                foreach (var frame in _heard.Rest())
                    Offer(session, frame);
                session.Finish();
                while (!told.Wait(ReportEvery, CancellationToken.None))
                    Report(session);
            }
            finally
            {
                // It cancels what is disposed next, also where reading failed and the session is not through.
                session.Dispose();
                told.Wait(CancellationToken.None);
            }
            session.Completed.GetAwaiter().GetResult();
            _writing.Measure(Finish);
            var last = Progress(session);
            progress.Report(last);
            return last;
        }

        public void Dispose()
        {
            _heard.Dispose();
            while (_sound.TryDequeue(out var packet))
                packet.Dispose();
        }

        // Ctrl+C ends the reading; everything read by then still goes through.
        private bool Read(Session session, CancellationToken stop)
        {
            if (stop.IsCancellationRequested || NextUnit(stop) is not { } unit)
                return false;
            if (unit is not VideoFrame frame)
            {
                _heard.Hear((AudioPacket)unit);
                _sound.Enqueue((AudioPacket)unit);
                foreach (var next in _heard.Ready())
                    Offer(session, next);
                return true;
            }
            Interlocked.Increment(ref _framesIn);
            sheet?.AddBefore(frame);
            _heard.Add(frame);
            foreach (var next in _heard.Ready())
                Offer(session, next);
            return true;
        }

        private static void Offer(Session session, VideoFrame frame)
        {
            session.WaitForRoom();
            session.Offer(frame, TimeSpan.Zero);
        }

        private MediaUnit? NextUnit(CancellationToken stop)
        {
            MediaUnit? unit = null;
            try
            {
                Session.InStage("read", _framesIn / Chunker.FramesPerLatent, () => unit = _reading.Measure(() => source.Read(stop)));
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Whatever ended the session is told by it; whoever ended the run knows.
            }
            return unit;
        }

        private void Write(VideoFrame frame) => Session.InStage("write", _framesOut / Chunker.FramesPerLatent, () => _writing.Measure(() =>
        {
            using (frame)
            {
                WriteSound();
                sheet?.AddAfter(frame);
                sink.Write(frame);
            }
            return Interlocked.Increment(ref _framesOut);
        }));

        private bool Finish()
        {
            WriteSound();
            sink.Complete();
            return true;
        }

        private void WriteSound()
        {
            while (_sound.TryDequeue(out var packet))
            {
                using (packet)
                    sink.Write(packet);
            }
        }

        private void Report(Session session)
        {
            if (_clock.Elapsed - _reported < ReportEvery)
                return;
            _reported = _clock.Elapsed;
            progress.Report(Progress(session));
        }

        private RestyleProgress Progress(Session session)
        {
            var chunks = session.Meter.Spent(ChunkStage.Encode).Chunks;
            StageTime Stage(string name, TimeSpan busy) => new(name, busy, chunks);
            StageTime[] stages =
            [
                _reading.Now,
                Stage("encode", session.Meter.Spent(ChunkStage.Encode).Time),
                Stage("denoise", hosted.Host.Busy),
                Stage("decode", session.Meter.Spent(ChunkStage.Decode).Time),
                _writing.Now,
            ];
            var (framesIn, framesOut) = (Interlocked.Read(ref _framesIn), Interlocked.Read(ref _framesOut));
            return new RestyleProgress(framesIn, framesOut, source.Video.FrameCountEstimate, _clock.Elapsed, stages) { Notes = notes() };
        }
    }
}
