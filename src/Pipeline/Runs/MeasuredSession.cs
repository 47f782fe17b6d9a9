using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Runs;

/// <summary>One session on a host of its own, to be measured: as a run without a deadline has it, but without a prompt.</summary>
public static class MeasuredSession
{
    private const int WarmUpChunks = 6;
    private const int LeastChunks = 4;
    private const int Pictures = 16;

    /// <summary>A host for one session of a model, with the policy that a run without a deadline has.</summary>
    public static SessionHost Host(LoadedModel model, SamplingOptions sampling, LiveClock clock)
    {
        var isBatch = sampling.Mode == DenoisingMode.StreamBatch;
        var options = new HostOptions { Lanes = isBatch ? sampling.Steps : 1, Workers = 2, Refuses = false };
        return new SessionHost(model, options, isBatch ? new FixedStreamBatch() : new FixedSequential(), clock);
    }

    /// <summary>A session for it: what a prompt says does not change what a tick costs, and the text encoder may be larger than everything
    /// else.</summary>
    public static SessionRequest Request(SamplingOptions sampling, (int Width, int Height) size) =>
        new("measured", sampling, size, new SessionSlo { Deadline = TimeSpan.FromDays(1), Ladder = [] })
        {
            Controls = new StreamControls(isOpenEnded: false),
            IsUnprompted = true,
        };

    /// <summary>Frames a second when the next frame is always there: encoder, transformer and decoder overlapped, no media.</summary>
    /// <param name="model">Stays the caller's.</param>
    /// <param name="sampling">Steps and mode.</param>
    /// <param name="size">Of the frames, multiples of 16.</param>
    /// <param name="time">How long to measure, the first chunks not counted; a few chunks at least.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ModelException">The model cannot do this here.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static double FramesPerSecond(
        LoadedModel model, SamplingOptions sampling, (int Width, int Height) size, TimeSpan time, CancellationToken cancellation)
    {
        using var pool = new FramePool();
        using var host = Host(model, sampling, new LiveClock(TimeProvider.System));
        var (gate, chunks, first, last) = (new Lock(), 0, 0L, 0L);
        var request = Request(sampling, size) with { KeepsAll = true, Traced = Count };
        Session session;
        using (session = host.Start(request, given => given.Frame.Dispose()))
        {
            for (var fed = 0L; !IsOver() && !session.Completed.IsCompleted; fed++)
            {
                cancellation.ThrowIfCancellationRequested();
                session.WaitForRoom();
                session.Offer(Picture(pool, size, fed), host.Clock.Now);
            }
        }
        if (session.Fault is not null)
            session.Completed.GetAwaiter().GetResult();
        lock (gate)
            return Chunker.FramesPerLatent * (chunks - WarmUpChunks) / Stopwatch.GetElapsedTime(first, last).TotalSeconds;

        // From the session's own thread.
        void Count(ChunkTrace trace)
        {
            lock (gate)
            {
                last = Stopwatch.GetTimestamp();
                if (++chunks == WarmUpChunks)
                    first = last;
            }
        }

        bool IsOver()
        {
            lock (gate)
                return chunks >= WarmUpChunks + LeastChunks && Stopwatch.GetElapsedTime(first) >= time;
        }
    }

    // Something that moves: bars, brighter from picture to picture and back.
    private static VideoFrame Picture(FramePool pool, (int Width, int Height) size, long index)
    {
        var frame = VideoFrame.Rent(pool, size.Width, size.Height);
        var step = index % (2 * Pictures);
        frame.Pixels.Fill((byte)(64 + 8 * Math.Min(step, 2 * Pictures - step)));
        (frame.Index, frame.Pts) = (index, index);
        return frame;
    }
}
