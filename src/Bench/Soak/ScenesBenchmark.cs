using System.Collections.Concurrent;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Statistics;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Soak;

/// <summary>One stream of scenes that follow each other, over and over.</summary>
public sealed record ScenesBenchmarkOptions
{
    /// <summary>Model, VAE, prompt, steps, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    /// <summary>Size of the frames.</summary>
    public required (int Width, int Height) Size { get; init; }

    /// <summary>Files, each begun anew when its turn comes, and again at its end.</summary>
    public required IReadOnlyList<MediaAddress> Scenes { get; init; }

    /// <summary>Seconds of each. Default 20.</summary>
    public int SceneSeconds { get; init; } = 20;

    /// <summary>Frames a second. Default 16.</summary>
    public int Rate { get; init; } = 16;

    /// <summary>Length of the stream; its frames come as fast as they can be computed. Default an hour.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How far the times lie apart at which the stream is looked at for as long as all scenes take. Default 10 minutes.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Changes while it runs. Default: none.</summary>
    public Timeline Changes { get; init; } = Timeline.Empty;

    /// <summary>Where a picture of each scene at each of the times goes. Default: nowhere.</summary>
    public string? Sheet { get; init; }

    internal int SceneFrames => SceneSeconds * Rate;

    internal int RoundFrames => SceneFrames * Scenes.Count;
}

/// <summary>
/// Whether a stream looks after long as it did at first. The same frames come in again and again, so what is made of them can be compared
/// picture by picture; only the noise is another each time.
/// </summary>
public static class ScenesBenchmark
{
    /// <exception cref="ModelException">The model cannot be used.</exception>
    /// <exception cref="MediaException">A scene cannot be read.</exception>
    public static BenchmarkReport Run(ScenesBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        using var pool = new FramePool();
        var before = ProcessState.Now();
        var seen = new ScenesSeen(options, log);
        using var host = new SessionHost(
            model, new HostOptions { Lanes = options.Run.Sampling.Steps, Workers = 2, Refuses = false }, new FixedStreamBatch(),
            new LiveClock(TimeProvider.System));
        var controls = new StreamControls(options.Changes, isOpenEnded: false);
        controls.Applied += seen.Applied;
        var request = new SessionRequest(
            "scenes", options.Run.Sampling, options.Size, new SessionSlo { Deadline = TimeSpan.FromDays(1), Ladder = [] })
        {
            Controls = controls,
            KeepsAll = true,
            Time = new Rational(1, options.Rate).ToTime,
        };
        using (var session = host.Start(request, finished => seen.CameOut(finished.Frame)))
        {
            seen.Watch(session);
            Feed(session, options, pool, seen, cancellation);
            session.Finish();
            session.Completed.GetAwaiter().GetResult();
        }
        if (options.Sheet is { } sheet)
            seen.WriteSheet(sheet);
        var settings = model.Describe(options.Run.Sampling);
        settings["size"] = FormattableString.Invariant($"{options.Size.Width}x{options.Size.Height}");
        settings["steps"] = options.Run.Sampling.Steps.ToString(CultureInfo.InvariantCulture);
        settings["scenes"] = FormattableString.Invariant(
            $"{options.Scenes.Count} of {options.SceneSeconds} s each, over and over, {options.Rate} frames a second");
        settings["changes"] = options.Changes.Entries.Count == 0 ? "none" : string.Join("; ", options.Changes.Entries);
        return new BenchmarkReport
        {
            Benchmark = "scenes",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases = seen.Cases(),
        };
    }

    private static void Feed(
        Session session, ScenesBenchmarkOptions options, FramePool pool, ScenesSeen seen, CancellationToken cancellation)
    {
        var scenes = options.Scenes.Select(
            s => new EndlessFrames(options.Run, options.Size, s, pool) { Rate = new Rational(options.Rate, 1) }).ToList();
        try
        {
            var frames = (long)(options.Duration.TotalSeconds * options.Rate);
            for (var i = 0L; i < frames && !session.IsOver && !cancellation.IsCancellationRequested; i++)
            {
                var scene = scenes[(int)(i / options.SceneFrames % scenes.Count)];
                if (i % options.SceneFrames == 0)
                    scene.Restart();
                var frame = scene.Next();
                (frame.Index, frame.Pts, frame.Duration) = (i, i, 1);
                seen.WentIn(frame);
                session.WaitForRoom();
                session.Offer(frame, TimeSpan.Zero);
            }
        }
        finally
        {
            scenes.ForEach(s => s.Dispose());
        }
    }

    /// <summary>What was seen of the last frame of each chunk.</summary>
    private sealed class ScenesSeen(ScenesBenchmarkOptions options, Action<string> log)
    {
        private readonly ConcurrentDictionary<long, (PictureLook Look, byte[]? Picture)> _in = new();
        private readonly Dictionary<long, byte[]> _first = [];
        private readonly List<Chunk> _chunks = [];
        private readonly Dictionary<(long Round, int Scene), byte[]> _pictures = [];
        private readonly Dictionary<int, byte[]> _given = [];
        private readonly List<(long Frame, long Bytes)> _memory = [];
        private readonly List<long> _refreshed = [];
        private Session? _session;

        public void Watch(Session session) => Volatile.Write(ref _session, session);

        public void Applied(AppliedChange change)
        {
            lock (_refreshed)
                if (change.Change is RefreshChange)
                    _refreshed.Add(change.Frame);
        }

        public void WentIn(VideoFrame frame)
        {
            if (IsLast(frame.Index))
                _in[frame.Index] = (PictureLook.Of(frame), IsShown(frame.Index) && Round(frame.Index) == 0 ? frame.Pixels.ToArray() : null);
        }

        public void CameOut(VideoFrame frame)
        {
            using (frame)
                if (_in.TryRemove(frame.Index, out var given))
                    Compare(frame, given.Look, given.Picture);
        }

        public IReadOnlyList<BenchmarkCase> Cases() =>
        [
            .. Rounds().Select((round, i) => new BenchmarkCase(
                FormattableString.Invariant($"from {TimeSpan.FromSeconds(round * options.RoundFrames / options.Rate):hh\\:mm\\:ss}"),
                Figures(round), i == 0 ? Series() : new Dictionary<string, IReadOnlyList<Point>>())),
        ];

        /// <summary>A row for each scene: what went in, and what was made of it at each of the times.</summary>
        public void WriteSheet(string path)
        {
            var rounds = Rounds();
            PictureGrid.Write(path, options.Size,
            [
                .. Enumerable.Range(0, options.Scenes.Count).Select(scene => (IReadOnlyList<byte[]?>)
                    [_given.GetValueOrDefault(scene), .. rounds.Select(r => _pictures.GetValueOrDefault((r, scene)))]),
            ]);
        }

        private void Compare(VideoFrame frame, PictureLook given, byte[]? picture)
        {
            var (round, place) = (Round(frame.Index), frame.Index % options.RoundFrames);
            var scene = (int)(place / options.SceneFrames);
            var pixels = frame.Pixels.ToArray();
            if (round == 0)
                _first[place] = pixels;
            if (IsShown(frame.Index))
                _pictures[(round, scene)] = pixels;
            if (picture is not null)
                _given[scene] = picture;
            var likeness = round > 0 && _first.TryGetValue(place, out var first) ? Pictures.Psnr(pixels, first) : double.NaN;
            _chunks.Add(new Chunk(
                frame.Index, PictureLook.Of(frame), given, Volatile.Read(ref _session)?.Statistics.Drift ?? 0, likeness));
            if (IsRoundsLast(frame.Index))
                RoundEnded(frame.Index, round);
        }

        private void RoundEnded(long frame, long round)
        {
            _memory.Add((frame, ProcessState.Now().ResidentBytes));
            // Nobody will look at the round before.
            foreach (var key in _pictures.Keys.Where(k => k.Round == round - 1 && k.Round > 1 && !IsMarked(k.Round)).ToList())
                _pictures.Remove(key);
            var now = FormattableString.Invariant($"minute {frame / options.Rate / 60.0:0.0}: ");
            log(now + string.Join(", ", Figures(round).Select(f => FormattableString.Invariant($"{f.Name} {f.Value:0.###}"))));
        }

        // The first, the second to tell how much noise alone does, one at each of the times, and the last.
        private List<long> Rounds()
        {
            var rounds = new List<long>();
            for (var round = 0L; round <= LastRound; round++)
                if (round <= 1 || IsMarked(round) || round == LastRound)
                    rounds.Add(round);
            return rounds;
        }

        private long LastRound => _chunks.Count == 0 ? -1
            : IsRoundsLast(_chunks[^1].Frame) ? Round(_chunks[^1].Frame) : Round(_chunks[^1].Frame) - 1;

        private bool IsMarked(long round)
        {
            var (length, every) = ((double)options.RoundFrames / options.Rate, options.Every.TotalSeconds);
            return Math.Floor(round * length / every) > Math.Floor((round - 1) * length / every);
        }

        private List<Figure> Figures(long round)
        {
            var chunks = _chunks.Where(c => Round(c.Frame) == round).ToList();
            if (chunks.Count == 0)
                return [];
            double Mean(Func<Chunk, double> value) => chunks.Average(value);
            var likeness = chunks.Where(c => !double.IsNaN(c.Likeness)).Select(c => c.Likeness).ToList();
            List<Figure> figures =
            [
                Figure.Once("drift", "", Better.Lower, Mean(c => c.Drift)),
                Figure.Once("drift, most", "", Better.Lower, chunks.Max(c => c.Drift)),
                Figure.Once("red", "levels", Better.None, 255 * Mean(c => c.Made.Red - c.Given.Red)),
                Figure.Once("green", "levels", Better.None, 255 * Mean(c => c.Made.Green - c.Given.Green)),
                Figure.Once("blue", "levels", Better.None, 255 * Mean(c => c.Made.Blue - c.Given.Blue)),
                Figure.Once("contrast", "of the input's", Better.None, Mean(c => c.Made.Contrast) / Mean(c => c.Given.Contrast)),
                Figure.Once("detail", "of the input's", Better.Higher, Mean(c => c.Made.Detail) / Mean(c => c.Given.Detail)),
            ];
            if (likeness.Count > 0)
                figures.Add(Figure.Once("PSNR to the first round", "dB", Better.Higher, likeness.Average()));
            lock (_refreshed)
                figures.Add(Figure.Once("refreshes", "", Better.None, _refreshed.Count(f => Round(f) == round)));
            if (_memory.Find(m => Round(m.Frame) == round) is { Bytes: > 0 } held)
                figures.Add(Figure.Once("resident memory", "MB", Better.Lower, held.Bytes / 1e6));
            return figures;
        }

        private Dictionary<string, IReadOnlyList<Point>> Series()
        {
            // One that was broken off has other scenes in it.
            var rounds = _chunks.Select(c => Round(c.Frame)).Distinct().Where(r => r <= LastRound).ToDictionary(r => r, Figures);
            return rounds.Values.SelectMany(f => f.Select(x => x.Name)).Distinct().ToDictionary(
                name => name,
                name => (IReadOnlyList<Point>)
                [
                    .. from round in rounds
                       from figure in round.Value
                       where figure.Name == name
                       select new Point((double)round.Key * options.RoundFrames / options.Rate / 60, figure.Value),
                ]);
        }

        private bool IsRoundsLast(long frame) => frame % options.RoundFrames >= options.RoundFrames - Chunker.FramesPerLatent;

        private long Round(long frame) => frame / options.RoundFrames;

        // Of a chunk: the first has five frames.
        private static bool IsLast(long frame) => frame > 0 && frame % Chunker.FramesPerLatent == 0;

        private bool IsShown(long frame) => frame % options.SceneFrames / Chunker.FramesPerLatent
            == options.SceneFrames / Chunker.FramesPerLatent / 2 && IsLast(frame);

        private sealed record Chunk(long Frame, PictureLook Made, PictureLook Given, double Drift, double Likeness);
    }
}
