using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>Counts and measures one session. Written by its hand-over, read by any thread.</summary>
internal sealed class SessionMeter
{
    private const int LatenciesKept = 1024;
    private const double Share = 0.1;

    private readonly Lock _gate = new();
    private readonly LatencyMeter _latencies = new(LatenciesKept);
    private readonly long[] _misses = new long[ChunkTrace.Stages];
    private readonly double[] _seconds = new double[ChunkTrace.Stages];
    private TimeSpan _longest;
    private ChunkTrace? _first;
    private long _frames;
    private long _late;
    private long _chunks;

    /// <summary>From the last tick of a chunk to its hand-over, of late; zero at first.</summary>
    public TimeSpan AfterDenoising
    {
        get
        {
            lock (_gate)
                return TimeSpan.FromSeconds(_seconds[(int)SessionStage.DecodeWait] + _seconds[(int)SessionStage.Decode] + _seconds[(int)SessionStage.HandOver]);
        }
    }

    public void Picture(in FinishedFrame frame, ChunkTrace trace)
    {
        var latency = frame.Now - frame.Taken;
        lock (_gate)
        {
            _frames++;
            _latencies.Add(latency);
            _longest = latency > _longest ? latency : _longest;
            if (!frame.IsLate)
                return;
            _late++;
            _misses[(int)trace.StageAt(frame.Deadline)]++;
        }
    }

    public void Chunk(ChunkTrace trace)
    {
        lock (_gate)
        {
            _first ??= trace;
            var share = _chunks++ == 0 ? 1 : Share;
            for (var stage = 0; stage < _seconds.Length; stage++)
                _seconds[stage] += share * (trace.Length((SessionStage)stage).TotalSeconds - _seconds[stage]);
        }
    }

    public SessionStatistics Read(long offered, long dropped, int steps, IReadOnlyList<string> degraded)
    {
        lock (_gate)
        {
            return new SessionStatistics
            {
                FramesIn = offered,
                FramesOut = _frames,
                Dropped = dropped,
                Late = _late,
                Misses = ByStage(stage => _misses[(int)stage]),
                FirstFrame = _first is null ? null : _first.End(SessionStage.HandOver) - _first.End(SessionStage.Collect),
                FirstFrameStages = _first is null ? new Dictionary<SessionStage, TimeSpan>() : ByStage(_first.Length),
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

    private static Dictionary<SessionStage, T> ByStage<T>(Func<SessionStage, T> value) => Enum.GetValues<SessionStage>().ToDictionary(s => s, value);
}
