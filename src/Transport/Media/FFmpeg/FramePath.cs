using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What a <see cref="FramePath"/> does to pictures.</summary>
/// <param name="TimeBase">Seconds per tick of the pictures that come in.</param>
/// <param name="Orientation">How they are turned.</param>
/// <param name="FrameRate">The constant rate to reach, null to keep their times.</param>
/// <param name="Size">Size of the frames.</param>
/// <param name="Fit">How pictures of another shape fill it.</param>
/// <param name="Pool">Where frames take their memory.</param>
/// <param name="Window">The part of the input that is taken.</param>
internal sealed record FramePathSetup(
    Rational TimeBase, FrameOrientation Orientation, Rational? FrameRate, (int Width, int Height) Size, FitMode Fit, FramePool Pool,
    TimeWindow Window);

/// <summary>
/// A picture's way from the decoder to a <see cref="VideoFrame"/>: deinterlaced, turned, resampled in time, fitted and converted.
/// </summary>
internal sealed unsafe class FramePath : IDisposable
{
    private readonly Deinterlacer _deinterlacer;
    private readonly OrientationFilter? _orientation;
    private readonly FrameRateResampler? _resampler;
    private readonly FrameConverter _converter;
    private readonly TimeWindow _window;
    private readonly Rational _timeBase;
    private readonly long _shift;
    private AVFrame* _current = av_frame_alloc();
    private bool _hasCurrent;
    private long _index;

    public FramePath(FramePathSetup setup)
    {
        _deinterlacer = new Deinterlacer(setup.TimeBase);
        _orientation = setup.Orientation.Filter.Length > 0 ? new OrientationFilter(setup.Orientation, setup.TimeBase) : null;
        _resampler = setup.FrameRate is { } rate ? new FrameRateResampler(setup.TimeBase, rate) : null;
        _converter = new FrameConverter(setup.Size, setup.Fit, setup.Pool);
        (_window, _timeBase, _shift) = (setup.Window, setup.TimeBase, setup.Window.Shift(setup.TimeBase));
    }

    /// <summary>True when a picture came that is past the end of what is taken; all that follow are too.</summary>
    public bool IsPast { get; private set; }

    /// <summary>True when nothing came that is taken.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Takes over a picture and leaves the given frame empty; only after <see cref="TryTake"/> gave null.</summary>
    public void Push(AVFrame* picture)
    {
        if (_deinterlacer.Apply(picture))
        {
            Accept(picture);
        }
    }

    /// <summary>Tells that no picture follows; only after <see cref="TryTake"/> gave null.</summary>
    public void Finish()
    {
        var last = av_frame_alloc();
        if (_deinterlacer.Finish(last))
        {
            Accept(last);
        }

        av_frame_free(&last);
        _resampler?.Finish();
    }

    /// <summary>The next frame, null when more pictures are needed.</summary>
    public VideoFrame? TryTake()
    {
        if (!(_resampler?.TryTake(_current) ?? _hasCurrent))
        {
            return null;
        }

        try
        {
            var frame = _converter.Convert(_current);
            (frame.Pts, frame.Duration, frame.Index) = (_current->pts, _current->pkt_duration, _index++);
            return frame;
        }
        finally
        {
            _hasCurrent = false;
            av_frame_unref(_current);
        }
    }

    public void Dispose()
    {
        NativeObject.Free(ref _current);
        _hasCurrent = false;
        _resampler?.Dispose();
        _orientation?.Dispose();
        _deinterlacer.Dispose();
        _converter.Dispose();
    }

    private void Accept(AVFrame* picture)
    {
        IsPast |= _window.IsPast(picture->pts, _timeBase);
        if (IsPast || _window.IsBefore(picture->pts, _timeBase))
        {
            av_frame_unref(picture);
            return;
        }

        IsEmpty = false;
        picture->pts -= _shift;
        _orientation?.Apply(picture);
        if (_resampler is not null)
        {
            _resampler.Push(picture);
            return;
        }

        av_frame_move_ref(_current, picture);
        _hasCurrent = true;
    }
}
