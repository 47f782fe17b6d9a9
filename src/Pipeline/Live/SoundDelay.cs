using StreamDiff.Scheduling.Queues;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Holds sound until its frames leave. Sound is kept by the time when it was taken; which of it belongs to a piece of the output is decided
/// when that piece is due, by how far the frames that leave at that moment lie behind theirs. What is missing then is silence. Small
/// differences are let be, so that sound runs on without gaps; larger ones are jumped. Safe for one writer and one reader.
/// </summary>
internal sealed class SoundDelay
{
    private const int Capacity = 30 * SoundBlock.Rate;
    private const int FadeSamples = SoundBlock.Rate / 200;
    private const double Smoothing = 0.1;
    private static readonly long Tolerance = ToSamples(TimeSpan.FromMilliseconds(20));
    private static readonly long LagTolerance = ToSamples(TimeSpan.FromMilliseconds(15));
    private static readonly long Leap = ToSamples(TimeSpan.FromMilliseconds(120));
    private static readonly TimeSpan FirstHold = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(5);

    // What nothing has needed for one to two of these is not held any longer.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(4);

    private readonly Lock _gate = new();
    private readonly NewestQueue<SoundBlock> _kept = new(block => block.Count);
    private TimeSpan _hold = FirstHold;
    private TimeSpan _needed = FirstHold;
    private TimeSpan _neededBefore = FirstHold;
    private TimeSpan _windowEnd = Window;
    private TimeSpan _asked;
    private double _deviation;
    private long? _end;
    private long _given;
    private long _heard = long.MinValue;
    private long? _lag;

    /// <summary>How much later than its time sound is given, because it comes that late.</summary>
    public TimeSpan Hold
    {
        get
        {
            lock (_gate)
                return _hold;
        }
    }

    /// <summary>Sample pairs of silence that stand for missing sound.</summary>
    public long Missing { get; private set; }

    /// <summary>Times that sound did not run on: its own times leapt, or those of the frames.</summary>
    public long Jumps { get; private set; }

    /// <summary>Keeps a block.</summary>
    /// <param name="block">The sound.</param>
    /// <param name="taken">When it was taken, on the run's clock.</param>
    public void Add(SoundBlock block, TimeSpan taken)
    {
        lock (_gate)
        {
            var position = RunsOn(ToSamples(taken));
            Note(position);
            _kept.Add(block with { Position = position }, Capacity);
            _end = position + block.Count;
        }
    }

    /// <summary>Forgets what is kept and how late it came: the source is another one now.</summary>
    public void Restart()
    {
        lock (_gate)
        {
            while (_kept.TryTake(out _))
            {
            }
            (_hold, _needed, _neededBefore) = (FirstHold, FirstHold, FirstHold);
            (_end, _deviation) = (null, 0);
        }
    }

    /// <summary>The sound up to a time of the output, silence where there is none; null when it is not time yet.</summary>
    /// <param name="until">Time of the output, which begins at zero.</param>
    /// <param name="lag">
    /// From the time when the frames that leave now were taken to their time in the output; null while there are none: silence.
    /// </param>
    public SoundBlock? Take(TimeSpan until, TimeSpan? lag)
    {
        lock (_gate)
        {
            _asked = until;
            HoldNoLonger();
            var count = (int)Math.Min(ToSamples(until - _hold) - _given, Capacity);
            if (count <= 0)
                return null;
            var samples = new float[count * SoundBlock.Channels];
            var before = _lag;
            Follow(lag);
            Missing += count - Fill(samples, _lag);
            if (before != _lag)
                FadeFrom(before, samples);
            var block = new SoundBlock(_given, samples);
            _given += count;
            if (_lag is { } used)
                _heard = Math.Max(_heard, _given - used);
            while (_kept.TryPeek(out var oldest) && oldest.Position + oldest.Count <= _heard)
                _kept.TryTake(out _);
            return block;
        }
    }

    // Jitter is let be, what stays is corrected.
    private long RunsOn(long position)
    {
        if (_end is not { } end)
            return position;
        var deviation = position - end;
        _deviation += Smoothing * (deviation - _deviation);
        if (Math.Abs(deviation) <= Leap && Math.Abs(_deviation) <= Tolerance)
            return end;
        _deviation = 0;
        Jumps++;
        return position;
    }

    private void Follow(TimeSpan? lag)
    {
        long? wanted = lag is { } time ? ToSamples(time) : null;
        if (_lag is { } used && wanted is { } now)
        {
            if (Math.Abs(now - used) <= LagTolerance)
                return;
            Jumps++;
        }
        _lag = wanted;
    }

    private void Note(long position)
    {
        if (_lag is not { } lag)
            return;
        var needed = _asked - TimeSpan.FromSeconds((double)(position + lag) / SoundBlock.Rate) + Margin;
        // Sound that belongs to another time altogether is no reason to wait.
        if (needed > LongestHold)
            return;
        _needed = needed > _needed ? needed : _needed;
        _hold = needed > _hold ? needed : _hold;
    }

    private void HoldNoLonger()
    {
        if (_asked < _windowEnd)
            return;
        _windowEnd = _asked + Window;
        _hold = _needed > _neededBefore ? _needed : _neededBefore;
        (_neededBefore, _needed) = (_needed, FirstHold);
    }

    // What has been heard is not heard again when the frames fall back. Returns the sample pairs that there were.
    private int Fill(Span<float> samples, long? lag)
    {
        if (lag is not { } used)
            return 0;
        var start = _given - used;
        var filled = 0;
        foreach (var block in _kept)
        {
            var from = Math.Max(Math.Max(block.Position, start), _heard);
            var to = Math.Min(block.Position + block.Count, start + (samples.Length / SoundBlock.Channels));
            if (from >= to)
                continue;
            block.Samples.AsSpan(Floats(from - block.Position)..Floats(to - block.Position)).CopyTo(samples[Floats(from - start)..]);
            filled += (int)(to - from);
        }
        return Math.Min(filled, samples.Length / SoundBlock.Channels);
    }

    // A jump without a click: what would have followed goes while what does follow comes.
    private void FadeFrom(long? before, Span<float> samples)
    {
        Span<float> old = stackalloc float[Math.Min(Floats(FadeSamples), samples.Length)];
        old.Clear();
        _ = Fill(old, before);
        for (var i = 0; i < old.Length; i++)
        {
            var share = (float)i / old.Length;
            samples[i] = (samples[i] * share) + (old[i] * (1 - share));
        }
    }

    private static int Floats(long samplePairs) => (int)samplePairs * SoundBlock.Channels;

    private static long ToSamples(TimeSpan time) => (long)Math.Round(time.TotalSeconds * SoundBlock.Rate);
}
