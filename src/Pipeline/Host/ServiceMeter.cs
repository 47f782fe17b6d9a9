using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Host;

/// <summary>Counts and measures one session. Written by its hand-over, read by any thread.</summary>
internal sealed class ServiceMeter
{
    private const int LatenciesKept = 1024;
    private const double Share = 0.1;

    private readonly Lock _gate = new();
    private readonly LatencyMeter _latencies = new(LatenciesKept);
    private readonly DeadlineLedger _ledger = new();
    private readonly double[] _seconds = new double[ChunkTrace.Stages];
    private readonly TimeSpan[] _spent = new TimeSpan[ChunkTrace.Stages];
    private double _preparing;
    private TimeSpan _longest;
    private TimeSpan? _firstFrame;
    private Dictionary<ChunkStage, TimeSpan> _firstStages = [];
    private long _chunks;
    private TimeSpan _resumed = TimeSpan.MinValue;
    private long _unmeasured;

    /// <summary>From the last tick of a chunk to its hand-over, of late; zero at first.</summary>
    public TimeSpan AfterDenoising
    {
        get
        {
            lock (_gate)
                return TimeSpan.FromSeconds(
                    _seconds[(int)ChunkStage.DecodeWait] + _seconds[(int)ChunkStage.Decode] + _seconds[(int)ChunkStage.HandOver]);
        }
    }

    /// <summary>From admission of a chunk to its hand-over, of late; zero at first.</summary>
    public TimeSpan FromAdmission
    {
        get
        {
            lock (_gate)
                return AfterDenoising + TimeSpan.FromSeconds(_seconds[(int)ChunkStage.Denoise]);
        }
    }

    /// <summary>Time that all chunks so far have spent in a stage, and their number.</summary>
    public (TimeSpan Time, long Chunks) Spent(ChunkStage stage)
    {
        lock (_gate)
            return (_spent[(int)stage], _chunks);
    }

    /// <summary>Told how long the first frame took; from the hand-over's thread.</summary>
    public Action<TimeSpan>? First { get; set; }

    /// <summary>Encoding, also while its frames were collected, and decoding of a chunk, of late; zero at first.</summary>
    public TimeSpan Coding
    {
        get
        {
            lock (_gate)
                return TimeSpan.FromSeconds(_preparing + _seconds[(int)ChunkStage.Encode] + _seconds[(int)ChunkStage.Decode]);
        }
    }

    /// <summary>Frames handed over, and those of them that were late; without those that were under way while it was suspended.</summary>
    public (long Frames, long Late) Counts
    {
        get
        {
            lock (_gate)
                return (_ledger.Met + _ledger.Missed, _ledger.Missed);
        }
    }

    /// <summary>
    /// The session goes on after it was suspended: frames that were under way are handed over, and nothing is measured by them.
    /// </summary>
    /// <param name="now">Now: those that the source took before were under way.</param>
    public void Resumed(TimeSpan now)
    {
        lock (_gate)
            _resumed = now;
    }

    public void Frame(in FinishedFrame frame, ChunkTrace trace)
    {
        var (latency, now) = (frame.Now - frame.Taken, frame.Now);
        bool isFirst;
        lock (_gate)
        {
            if (trace.FirstTaken < _resumed)
            {
                _unmeasured++;
                return;
            }
            _latencies.Add(latency);
            _longest = latency > _longest ? latency : _longest;
            _ledger.Record(frame.Deadline - frame.Taken, trace.ByFrameStage(frame.Taken, frame.Now));
            isFirst = _firstFrame is null;
            if (isFirst)
                (_firstFrame, _firstStages) = (now - trace.End(ChunkStage.Collect), ByStage(s => trace.LengthUntil(s, now)));
        }
        if (isFirst)
            First?.Invoke(frame.Now - trace.End(ChunkStage.Collect));
    }

    public void Chunk(ChunkTrace trace)
    {
        lock (_gate)
        {
            if (trace.FirstTaken < _resumed)
                return;
            // The first chunk also pays for what the libraries prepare: the second one takes its place.
            var share = _chunks++ < 2 ? 1 : Share;
            _preparing += share * (trace.Prepared.TotalSeconds - _preparing);
            for (var stage = 0; stage < _seconds.Length; stage++)
                _spent[stage] += trace.Length((ChunkStage)stage);
            for (var stage = 0; stage < _seconds.Length; stage++)
                _seconds[stage] += share * (trace.Length((ChunkStage)stage).TotalSeconds - _seconds[stage]);
        }
    }

    public SessionStatistics Read(long offered, long dropped, int steps, IReadOnlyList<string> degraded)
    {
        lock (_gate)
        {
            return new SessionStatistics
            {
                FramesIn = offered,
                FramesOut = _ledger.Met + _ledger.Missed + _unmeasured,
                Dropped = dropped,
                Late = _ledger.Missed,
                Misses = Enum.GetValues<FrameStage>().ToDictionary(s => s, _ledger.MissedIn),
                FirstFrame = _firstFrame,
                FirstFrameStages = _firstStages,
                Stages = ByStage(stage => TimeSpan.FromSeconds(_seconds[(int)stage])),
                LatencyP50 = _latencies.Quantile(0.5),
                LatencyP95 = _latencies.Quantile(0.95),
                LatencyP99 = _latencies.Quantile(0.99),
                LatencyMax = _longest,
                Chunks = _chunks,
                Steps = steps,
                Degraded = degraded,
            };
        }
    }

    private static Dictionary<ChunkStage, T> ByStage<T>(Func<ChunkStage, T> value) =>
        Enum.GetValues<ChunkStage>().ToDictionary(s => s, value);
}
