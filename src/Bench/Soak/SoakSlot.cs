using StreamDiff.Bench.Load;
using StreamDiff.Pipeline.Control;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Soak;

/// <summary>A place that sessions take one after the other, each for a random while; on a thread of its own.</summary>
internal sealed class SoakSlot(ISoakHost host, SoakBenchmarkOptions options, int number) : IDisposable
{
    private const double ShortestShare = 0.1;

    // One in so many frames.
    private const int BetweenChanges = 12;

    // Within what HostSessions.Settle has seen.
    private static readonly double[] Scales = [0.25, 0.3];
    private static readonly string[] Prompts = ["a painting", "neon", "a blueprint", "a watercolor"];

    private readonly Random _random = new(options.Seed + number);
    private readonly Dictionary<(int, int), TestFrames> _frames = [];

    public long Sessions { get; private set; }

    public long Refused { get; private set; }

    public long FramesOffered { get; private set; }

    public long FramesGiven { get; private set; }

    /// <summary>Changes of control that took effect.</summary>
    public long Changes { get; private set; }

    /// <summary>Lets sessions come and go for so long; none is left at the end.</summary>
    public void Run(TimeSpan duration, CancellationToken cancellation)
    {
        using var inference = inference_mode();
        var start = TimeProvider.System.GetTimestamp();
        while (duration - TimeProvider.System.GetElapsedTime(start) is var left && left > TimeSpan.Zero
            && !cancellation.IsCancellationRequested)
        {
            var life = duration * (ShortestShare + (1 - ShortestShare) * _random.NextDouble());
            OneSession(life < left ? life : left, cancellation);
        }
    }

    public void Dispose()
    {
        foreach (var frames in _frames.Values)
            frames.Dispose();
    }

    private void OneSession(TimeSpan life, CancellationToken cancellation)
    {
        var size = options.Sizes[_random.Next(options.Sizes.Count)];
        if (!_frames.TryGetValue(size, out var frames))
            _frames[size] = frames = new TestFrames(size);
        using var session = host.Open(options.Steps[_random.Next(options.Steps.Count)], size, options.Rate, _random.NextInt64(1 << 30));
        Sessions++;
        if (session is null)
        {
            Refused++;
            cancellation.WaitHandle.WaitOne(life);
            return;
        }
        // Some sessions end before their first frame is out: that must leave nothing behind either.
        var arrivals = ArrivalPattern.Times(_random.Next(2) == 0 ? LoadKind.Steady : LoadKind.Bursty, options.Rate, life, _random.Next());
        try
        {
            OpenLoop.RunAsync(arrivals, TimeProvider.System, i =>
            {
                session.ThrowIfFailed();
                if (_random.Next(BetweenChanges) == 0)
                    session.Change(AnyChange());
                session.Offer(frames.Give(i));
            }, cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Ctrl+C ends a soak early; its report is made of what there is.
        }
        FramesOffered += arrivals.Count;
        FramesGiven += session.Given;
        Changes += session.Changed;
    }

    private ControlChange AnyChange() => _random.Next(7) switch
    {
        0 => new PromptChange(Prompts[_random.Next(Prompts.Length)]),
        1 => new PromptChange(Prompts[_random.Next(Prompts.Length)], BlendChunks: 3, BlendKind.Spherical),
        2 => new StepsChange(options.Steps[_random.Next(options.Steps.Count)]),
        3 => new NoiseScaleChange(Scales[_random.Next(Scales.Length)]),
        4 => new SeedChange(_random.Next()),
        5 => new SinksChange(_random.Next(4), _random.Next(2) == 0 ? -1 : 0.9),
        _ => new PauseChange(_random.Next(2) == 0),
    };
}
