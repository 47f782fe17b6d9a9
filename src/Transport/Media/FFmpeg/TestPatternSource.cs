using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Pictures drawn by libavfilter: an input that needs no file.</summary>
internal sealed unsafe class TestPatternSource : IFrameSource
{
    private readonly FilterGraph _graph;
    private readonly FramePath _path;
    private readonly FramePool? _ownPool;
    private AVFrame* _frame = av_frame_alloc();
    private readonly TimeWindow _window;
    private readonly string _input;
    private long _drawn;
    private bool _ended;

    /// <exception cref="MediaException">libavfilter does not accept the pattern's options.</exception>
    public TestPatternSource(VideoSourceOptions options, TestPattern pattern)
    {
        _graph = Draw(pattern);
        (_window, _input) = (TimeWindow.Of(options, _graph.OutputTimeBase), options.Input);
        _ownPool = options.Pool is null ? new FramePool() : null;
        var size = FitGeometry.ResolveSize(_graph.OutputSize, 1, options.Width, options.Height);
        var rate = options.FrameRate ?? pattern.Rate;
        var timeBase = _graph.OutputTimeBase;
        _path = new FramePath(new FramePathSetup(
            timeBase, FrameOrientation.Upright, options.FrameRate, size, options.Fit, options.Pool ?? _ownPool!, _window));
        var duration = _window.Of(pattern.Seconds > 0 ? TimeSpan.FromSeconds(pattern.Seconds) : null);
        var count = duration is { } length ? (long?)Math.Max(1, (long)Math.Round(length.TotalSeconds * rate.ToDouble())) : null;
        Video = new VideoStreamInfo(size.Width, size.Height, rate, options.FrameRate?.Inverse ?? timeBase, count, duration)
        {
            CodedSize = _graph.OutputSize,
        };
    }

    public VideoStreamInfo Video { get; }

    public AudioStreamInfo? Audio => null;

    public SourceStatistics Statistics => SourceStatistics.Empty with { DecodedFrames = _drawn };

    public MediaUnit? Read(CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_frame is null, this);
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            if (_path.TryTake() is { } frame)
            {
                return frame;
            }

            if (_ended)
            {
                return null;
            }

            if (!_path.IsPast && _graph.TryPull(_frame))
            {
                _drawn++;
                _frame->pkt_duration = Math.Max(1, _graph.OutputFrameRate.Inverse.Rescale(1, _graph.OutputTimeBase));
                _path.Push(_frame);
            }
            else
            {
                _path.Finish();
                _ended = true;
                if (_path.IsEmpty && !_window.IsWhole)
                {
                    throw _window.Empty(_input);
                }
            }
        }
    }

    public void Dispose()
    {
        NativeObject.Free(ref _frame);
        _path.Dispose();
        _graph.Dispose();
        _ownPool?.Dispose();
    }

    private static FilterGraph Draw(TestPattern pattern)
    {
        try
        {
            return FilterGraph.Generator(pattern.ToFilter());
        }
        catch (MediaException error)
        {
            throw new MediaException($"The test picture '{pattern.Name}' does not accept these options: {pattern.ToFilter()}.", error);
        }
    }
}
