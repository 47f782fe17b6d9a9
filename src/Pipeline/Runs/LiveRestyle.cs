using StreamDiff.Models;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Runs;

/// <summary>Restyles a live source for live outputs until it is stopped.</summary>
public static class LiveRestyle
{
    /// <summary>Name of the output that every session with a page has.</summary>
    public const string Viewers = "viewers";

    internal const string KeepStampsVariable = "STREAMDIFF_KEEP_TIME_CODE";
    internal static readonly Rational DefaultRate = new(30, 1);
    private static readonly (int Width, int Height) PassthroughSize = (640, 360);
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Opening = TimeSpan.FromSeconds(15);

    /// <summary>Runs until cancelled, for the asked duration, or to the end of an input that has one.</summary>
    /// <exception cref="MediaException">
    /// Input or output is not understood, a port cannot be opened, or the source never was there
    /// (<see cref="InputOptions.WaitForSource"/>).
    /// </exception>
    /// <exception cref="ModelException">The model cannot be used as asked.</exception>
    /// <exception cref="PipelineException">A fault inside.</exception>
    public static LiveResult Run(
        RestyleOptions options, Action<LiveEvent> log, IProgress<LiveStatus> progress, CancellationToken cancellation) =>
        Run(options, null, log, progress, cancellation);

    /// <summary>The same for a run whose settings change while it goes on.</summary>
    /// <param name="options">The run.</param>
    /// <param name="controls">Its changes; null where only the options' timeline counts.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <param name="progress">Told once a second.</param>
    /// <param name="cancellation">Ends the run.</param>
    /// <exception cref="ControlException">Timeline or log cannot be used, or ask for what the run cannot do.</exception>
    public static LiveResult Run(
        RestyleOptions options, StreamControls? controls, Action<LiveEvent> log, IProgress<LiveStatus> progress,
        CancellationToken cancellation)
    {
        if (FileRules.Problems(RunFiles.Of(options)) is [var problem, ..])
            throw new MediaException(problem);
        foreach (var output in options.Output.Addresses)
            LiveSinks.Check(LiveOptionsCheck.SinkOptions(options, output.Text));
        // Before a large model is loaded: only sessions have a page.
        if (options.Input.Address is { Kind: MediaKind.Browser } browser)
            throw SourceOpener.NoPage(browser);
        if (options.Input.WaitForSource is null)
            CheckSource(options.Input.Address.Text);
        return options.IsPassthrough
            ? RunPassthrough(options, log, progress, cancellation)
            : RunModel(options, controls, log, progress, cancellation);
    }

    // Told before a large model is loaded and an output is opened.
    private static void CheckSource(string input)
    {
        try
        {
            SourceOpener.Check(input);
        }
        catch (MediaException error)
        {
            throw SourcePatience.GivenUp(error, TimeSpan.Zero);
        }
    }

    private static LiveResult RunPassthrough(
        RestyleOptions options, Action<LiveEvent> log, IProgress<LiveStatus> progress, CancellationToken cancellation) =>
        RunPath(options, PassthroughSizeOf(options), new LiveClock(TimeProvider.System), run => new PassthroughPath(run.Finished), log,
            progress, cancellation);

    /// <summary>Size of a run without a model.</summary>
    internal static (int Width, int Height) PassthroughSizeOf(RestyleOptions options) => options.Frame.Size ?? PassthroughSize;

    private static LiveResult RunModel(
        RestyleOptions options, StreamControls? controls, Action<LiveEvent> log, IProgress<LiveStatus> progress,
        CancellationToken cancellation)
    {
        void Note(string what, bool isTrouble, string text) => log(new LiveEvent(TimeSpan.Zero, isTrouble, what, "note", text));
        using var model = LoadedModel.Open(options.Compute, log: text => Note("ranks", false, text));
        foreach (var (part, text) in model.Notes)
            Note(part, false, text);
        using var inference = inference_mode();
        using var hosted = HostedRun.Open(model, options, controls, time: null, log);
        var result = RunPath(options, hosted.Request.Size, hosted.Host.Clock,
            run => new HostPath(hosted.Host, hosted.Request).To(run.Finished), log, progress, cancellation);
        if (hosted.End(cancelled: true) is { } problem)
            Note("control", true, problem);
        return result;
    }

    private static LiveResult RunPath(
        RestyleOptions options, (int Width, int Height) size, LiveClock clock, Func<LiveRun, ILivePath> makePath, Action<LiveEvent> log,
        IProgress<LiveStatus> progress, CancellationToken cancellation)
    {
        using var outputs = OutputsOf(options, size, clock, log);
        return Run(options, size, clock, outputs, makePath, log, progress, cancellation);
    }

    /// <summary>Frames a second of a live run's outputs.</summary>
    internal static Rational RateOf(RestyleOptions options) => options.Frame.Rate ?? DefaultRate;

    /// <summary>The outputs of a run, none of them open yet.</summary>
    internal static LiveOutputs OutputsOf(
        RestyleOptions options, (int Width, int Height) size, LiveClock clock, Action<LiveEvent> log, OutputLease? lease = null) =>
        new(options.Output.ForLive("", size, RateOf(options), options.Input.Audio), options.Output.SegmentTime, clock, log, lease);

    /// <summary>Source and outputs around a path.</summary>
    /// <param name="options">The run.</param>
    /// <param name="size">Of its frames.</param>
    /// <param name="clock">Its time.</param>
    /// <param name="outputs">See <see cref="OutputsOf"/>; closed at the end.</param>
    /// <param name="makePath">What happens to the frames.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <param name="progress">Told once a second.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="isOneOfMany">True where somebody else measures it, together with others.</param>
    /// <param name="door">Where browsers come to it; null where there is no page.</param>
    internal static LiveResult Run(
        RestyleOptions options, (int Width, int Height) size, LiveClock clock, LiveOutputs outputs, Func<LiveRun, ILivePath> makePath,
        Action<LiveEvent> log, IProgress<LiveStatus> progress, CancellationToken cancellation, bool isOneOfMany = false,
        BrowserDoor? door = null)
    {
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (options.Input.Duration is { } duration)
            timed.CancelWithin(duration);
        using var frames = new FramePool();
        var isInVain = false;
        try
        {
            using var fallback = new FallbackFrame(options.Live.Fallback, size);
            using var view = door is null ? null : new SourceView(outputs.Format, door.Source, clock, log);
            using var run = new LiveRun(clock, fallback, outputs, log, isOneOfMany, view);
            using var path = makePath(run);
            SourceLoop Source(ISourceReceiver receiver) => new(
                SourceOptions(options, size, frames), clock, receiver, log, options.Input.WaitForSource, options.Input.SourceGone,
                door?.Input, options.Live.MostJitter);
            foreach (var output in options.Output.Addresses)
                _ = outputs.Add(output.Text);
            if (door is not null)
                outputs.Serve(Viewers, door.Output);
            try
            {
                return new LiveResult(run.Execute(Source, path, progress, timed.Token), cancellation.IsCancellationRequested);
            }
            catch when (!run.HasFrames)
            {
                isInVain = true;
                throw;
            }
        }
        finally
        {
            outputs.Dispose();
            // Nobody wants a recording of nothing but the fallback.
            if (isInVain)
                outputs.DeleteRecordings();
        }
    }

    private static VideoSourceOptions SourceOptions(RestyleOptions options, (int Width, int Height) size, FramePool frames)
    {
        var isLive = options.Input.Address.IsLive;
        var source = options.Source(size, frames);
        return source with
        {
            StallTimeout = isLive ? Stall : source.StallTimeout,
            OpenTimeout = isLive ? Opening : null,
            IsLive = isLive,
        };
    }
}
