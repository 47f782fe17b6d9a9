using System.Diagnostics;
using StreamDiff.Pipeline.Live;
using StreamDiff.Scheduling.Statistics;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Bench.Probe;

/// <summary>What a probe sends, and where it looks for it.</summary>
/// <param name="Output">Address to send to.</param>
/// <param name="Input">Address to receive from.</param>
public sealed record LatencyProbeOptions(string Output, string Input)
{
    /// <summary>Size of the pictures sent; default 640x360.</summary>
    public (int Width, int Height) Size { get; init; } = (640, 360);

    /// <summary>Frames a second; default 30.</summary>
    public Rational Rate { get; init; } = new(30, 1);

    /// <summary>How long to measure; default 10 s.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the way may take to come up; default 15 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);
}

/// <summary>
/// Measures a way from the making of a picture to its pixels after decoding at the other end: both ends in this process, so one clock. The
/// time is drawn into the picture as bars. Once a second the picture says "flash" and the sound beeps.
/// </summary>
public sealed class LatencyProbe : IDisposable
{
    private const uint FlashBit = 0x8000_0000;
    private const double TicksPerSecond = 10_000;
    private const double FlashSeconds = 0.2;
    private const double WarmUpShare = 0.2;

    private readonly LatencyProbeOptions _options;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _stop = new();
    private readonly BeepFinder _beeps = new();
    private readonly List<(double At, double Latency)> _latencies = [];
    private long _sent;
    private long _repeated;
    private long _unreadable;
    private double? _firstSent;
    private double? _firstReceived;
    private MediaException? _trouble;
    private MediaException? _failed;

    private LatencyProbe(LatencyProbeOptions options) => _options = options;

    /// <summary>Measures.</summary>
    /// <exception cref="MediaException">An end could not be opened, or nothing came back.</exception>
    public static LatencyReport Run(LatencyProbeOptions options, CancellationToken cancellation)
    {
        using var probe = new LatencyProbe(options);
        return probe.Measure(cancellation);
    }

    public void Dispose() => _stop.Dispose();

    private LatencyReport Measure(CancellationToken cancellation)
    {
        using var stop = cancellation.Register(_stop.Cancel);
        _stop.CancelAfter(_options.Patience + _options.Duration);
        var receiver = new Thread(() => Guard(Receive)) { IsBackground = true };
        var sender = new Thread(() => Guard(Send)) { IsBackground = true };
        receiver.Start();
        sender.Start();
        receiver.Join();
        _stop.Cancel();
        sender.Join();
        cancellation.ThrowIfCancellationRequested();
        if (_latencies.Count == 0)
            throw _trouble ?? new MediaException(_unreadable > 0
                ? $"Of {_unreadable} pictures received none carried the time: the way changes the pictures too much (for a model set "
                    + "STREAMDIFF_KEEP_TIME_CODE=1 there)."
                : $"Nothing came back from '{MediaAddress.Parse(_options.Input).Shown}' within "
                    + $"{(_options.Patience + _options.Duration).TotalSeconds:0} s.");
        // Half a measurement is none.
        return _failed is null ? Report() : throw _failed;
    }

    private double Now => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    private void Send()
    {
        using var sink = Retry(ct => new OutputWithEncoders(
            new LiveSinkOptions
            {
                Output = _options.Output,
                Width = _options.Size.Width,
                Height = _options.Size.Height,
                FrameRate = _options.Rate,
                Preset = "ultrafast",
            }, ct));
        using var pool = new FramePool();
        var (width, height) = _options.Size;
        using var frame = VideoFrame.Rent(pool, width, height);
        var begin = Now;
        for (long number = 0; !_stop.IsCancellationRequested; number++)
        {
            var due = begin + _options.Rate.Inverse.ToTime(number).TotalSeconds;
            if (due > Now)
                _ = _stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(due - Now));
            var flash = Beeps.IsOn(number / _options.Rate.ToDouble(), FlashSeconds);
            Draw(frame, number);
            var time = Now;
            TimeBarCode.Draw(frame.Pixels, width, height, ((uint)(time * TicksPerSecond) & ~FlashBit) | (flash ? FlashBit : 0));
            sink.Write(frame, number);
            sink.Write(Beeps.Block(Samples(number), Samples(number + 1), FlashSeconds));
            _firstSent ??= time;
            _sent++;
        }
        sink.Complete();
    }

    private long Samples(long frame) => _options.Rate.Inverse.Rescale(frame, new Rational(1, SoundBlock.Rate));

    // Something that moves, so that the encoder has work to do.
    private static void Draw(VideoFrame frame, long number)
    {
        var pixels = frame.Pixels;
        for (var y = TimeBarCode.Rows(frame.Height); y < frame.Height; y++)
            for (var x = 0; x < frame.Width; x++)
            {
                var at = (y * frame.Width + x) * 3;
                var value = (byte)(x + y + number * 3);
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (value, (byte)(value >> 1), (byte)(255 - value));
            }
    }

    private void Receive()
    {
        var source = new VideoSourceOptions
        {
            Input = _options.Input,
            StallTimeout = TimeSpan.FromSeconds(5),
            OpenTimeout = _options.Patience,
            IsLive = true,
        };
        using var opener = new SourceOpener(source);
        using var input = Retry(ct => opener.Open(ct));
        using var sound = input.Audio is { } audio ? new SoundReader(audio) : null;
        uint? last = null;
        var end = double.MaxValue;
        while (Now < end && input.Read(_stop.Token) is { } unit)
        {
            using (unit)
            {
                if (unit is AudioPacket packet)
                {
                    foreach (var block in sound?.Read(packet) ?? [])
                        _beeps.Hear(block);
                    continue;
                }
                last = See((VideoFrame)unit, input.Video.TimeBase, last);
            }
            if (_firstReceived is { } first)
                end = first + _options.Duration.TotalSeconds;
        }
        // What the other end makes of the way's end is no failure.
        if (Now >= end)
            _stop.Cancel();
    }

    private uint? See(VideoFrame frame, Rational timeBase, uint? last)
    {
        var now = Now;
        if (TimeBarCode.Read(frame.Pixels, frame.Width, frame.Height) is not { } code)
        {
            _unreadable++;
            return last;
        }
        _beeps.See((code & FlashBit) != 0, timeBase.ToTime(frame.Pts).TotalSeconds);
        if (code == last)
        {
            _repeated++;
            return last;
        }
        _firstReceived ??= now;
        _latencies.Add((now, now - (code & ~FlashBit) / TicksPerSecond));
        return code;
    }

    private T Retry<T>(Func<CancellationToken, T> open)
    {
        while (true)
        {
            try
            {
                return open(_stop.Token);
            }
            catch (MediaException error)
            {
                _trouble = error;
                if (_stop.Token.WaitHandle.WaitOne(200))
                    throw;
            }
        }
    }

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (OperationCanceledException)
        {
            // Time is up.
        }
        catch (MediaException error)
        {
            _trouble = error;
            if (!_stop.IsCancellationRequested)
                _failed = error;
        }
    }

    private LatencyReport Report()
    {
        var begin = _firstReceived!.Value + WarmUpShare * _options.Duration.TotalSeconds;
        var steady = Distribution.Of(_latencies.Where(l => l.At >= begin).Select(l => l.Latency).DefaultIfEmpty(_latencies[^1].Latency));
        var (first, offsets) = _beeps.Offsets(WarmUpShare);
        return new LatencyReport(
            _sent, _latencies.Count, _repeated, _unreadable, Milliseconds(_firstReceived.Value - _firstSent ?? 0),
            Milliseconds(steady.Minimum), Milliseconds(steady.P50), Milliseconds(steady.P95), Milliseconds(steady.P99),
            Milliseconds(steady.Maximum),
            Of(offsets, Distribution.Median), Of(offsets, o => Distribution.Of(o.Select(Math.Abs)).P95),
            Of(offsets, o => o.MaxBy(Math.Abs)), offsets.Count, Of(first, o => o.MaxBy(Math.Abs)));
        static double? Of(List<double> offsets, Func<List<double>, double> choose) =>
            offsets.Count == 0 ? null : Milliseconds(choose(offsets));
        static double Milliseconds(double seconds) => Math.Round(seconds * 1000, 1);
    }
}
