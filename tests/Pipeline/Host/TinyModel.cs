using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

/// <summary>The shipped model, loaded once, and frames for it.</summary>
public sealed class TinyModel : IDisposable
{
    public const int Side = 64;

    /// <summary>More than anything takes on a busy machine.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    public TinyModel()
    {
        using var inference = inference_mode();
        Loaded = LoadedModel.Open(TestOptions.OneThread);
    }

    public LoadedModel Loaded { get; }

    public static async Task Until(Func<bool> condition)
    {
        for (var left = 6000; !condition(); left--)
        {
            Assert.True(left > 0, "it did not happen within a minute");
            await Task.Delay(10);
        }
    }

    /// <summary>Everything that is ready in one pass, chunks of one latent frame.</summary>
    public static DeadlineBatchPolicy Together() =>
        new(new LatencyModel(new LatencyTerms(1, 0, 0, 0, 0)), new DeadlineBatchOptions { MostChunkFrames = 1 });

    public FramePool Frames { get; } = new();

    public SessionHost Host(
        IBatchPolicy? policy = null, HostOptions? options = null, LiveClock? clock = null, Action<LiveEvent>? log = null,
        IVae? tinyVae = null)
    {
        options ??= new HostOptions();
        return new SessionHost(Loaded, options,
            policy ?? new DeadlineBatchPolicy(options.Latency ?? new LatencyModel(new LatencyTerms(0.002, 5e-5, 0, 0, 0))),
            clock ?? new LiveClock(TimeProvider.System), log, tinyVae);
    }

    /// <summary>The model has one VAE only: the same weights once more, standing for a smaller one.</summary>
    public IVae AnotherVae()
    {
        using var inference = inference_mode();
        return ModelBundle.LoadVae(new ModelCatalog().Find("tiny"), "taehv", CPU, ScalarType.Float32);
    }

    /// <summary>One that takes its time, so that slow machines drop nothing.</summary>
    public static SessionRequest Patient(string name, int steps = 2, string prompt = "a watercolor", long seed = 1) =>
        new(name, new SamplingOptions { Prompt = prompt, Steps = steps, Seed = seed }, (Side, Side),
            new SessionSlo { Deadline = TimeSpan.FromMinutes(1) })
        {
            KeepsAll = true,
        };

    /// <summary>Frames of something that moves.</summary>
    public void Feed(Session session, int from, int count, TimeSpan? at = null, PixelRect? content = null)
    {
        for (var i = from; i < from + count; i++)
        {
            var frame = VideoFrame.Rent(Frames, session.Size.Width, session.Size.Height);
            frame.Content = content;
            for (var y = 0; y < frame.Height; y++)
                for (var x = 0; x < frame.Width; x++)
                {
                    var p = 3 * (y * frame.Width + x);
                    frame.Pixels[p] = (byte)(4 * x + 3 * i);
                    frame.Pixels[p + 1] = (byte)(4 * y);
                    frame.Pixels[p + 2] = (byte)(x * y / 16 + 7 * i);
                }
            session.Offer(frame, at ?? TimeSpan.FromMilliseconds(60 * i));
        }
    }

    public void Dispose()
    {
        Loaded.Dispose();
        Frames.Dispose();
    }
}

/// <summary>A clock that goes on when it is told to.</summary>
internal sealed class HandClock : TimeProvider
{
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public TimeSpan Now => TimeSpan.FromTicks(GetTimestamp());

    public void GoOn(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
}

/// <summary>Lets another policy run only while it is open.</summary>
internal sealed class Gate(IBatchPolicy policy) : IBatchPolicy
{
    public bool IsOpen { get; set; }

    public string Name => "gate";

    public TickDecision Next(SchedulerView view) => IsOpen ? policy.Next(view) : TickDecision.Idle;
}

/// <summary>What came out of a session.</summary>
internal sealed class GivenFrames
{
    private readonly List<byte[]> _frames = [];

    public List<TimeSpan> Taken { get; } = [];

    /// <summary>Bytes of each frame.</summary>
    public IReadOnlyList<int> Bytes
    {
        get
        {
            lock (_frames)
                return [.. _frames.Select(p => p.Length)];
        }
    }

    public int Count
    {
        get
        {
            lock (_frames)
                return _frames.Count;
        }
    }

    public void Add(FinishedFrame finished)
    {
        using (finished.Frame)
            lock (_frames)
            {
                _frames.Add(finished.Frame.Pixels.ToArray());
                Taken.Add(finished.Taken);
            }
    }

    /// <summary>Passes of other shapes round differently: by a grey value at most.</summary>
    public void AssertSame(GivenFrames other)
    {
        Assert.Equal(Taken, other.Taken);
        for (var i = 0; i < _frames.Count; i++)
            for (var b = 0; b < _frames[i].Length; b++)
                Assert.True(Math.Abs(_frames[i][b] - other._frames[i][b]) <= 1,
                    $"picture {i}, byte {b}: {_frames[i][b]} and {other._frames[i][b]}");
    }

    /// <summary>Two of them are equal bit for bit.</summary>
    public bool IsSame(int one, int other) => _frames[one].AsSpan().SequenceEqual(_frames[other]);

    /// <summary>One of them is that of another session, bit for bit.</summary>
    public bool IsSame(int one, GivenFrames of, int other) => _frames[one].AsSpan().SequenceEqual(of._frames[other]);

    public bool IsSameAs(GivenFrames other) => _frames.Zip(other._frames).All(p => p.First.AsSpan().SequenceEqual(p.Second));
}
