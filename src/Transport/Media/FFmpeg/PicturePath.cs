using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What a <see cref="PicturePath"/> does to pictures.</summary>
/// <param name="TimeBase">Seconds per tick of the pictures that come in.</param>
/// <param name="Orientation">How they are turned.</param>
/// <param name="FrameRate">The constant rate to reach, null to keep their times.</param>
/// <param name="Size">Size of the frames.</param>
/// <param name="Fit">How pictures of another shape fill it.</param>
/// <param name="Pool">Where frames take their memory.</param>
internal sealed record PicturePathSetup(
    Rational TimeBase, PictureOrientation Orientation, Rational? FrameRate, (int Width, int Height) Size, FitMode Fit, FramePool Pool);

/// <summary>A picture's way from the decoder to a <see cref="VideoFrame"/>: turned, resampled in time, fitted and converted.</summary>
internal sealed unsafe class PicturePath : IDisposable
{
    private readonly OrientationFilter? _orientation;
    private readonly FrameRateResampler? _resampler;
    private readonly FrameConverter _converter;
    private AVFrame* _current = av_frame_alloc();
    private bool _hasCurrent;
    private long _index;

    public PicturePath(PicturePathSetup setup)
    {
        _orientation = setup.Orientation.Filter.Length > 0 ? new OrientationFilter(setup.Orientation, setup.TimeBase) : null;
        _resampler = setup.FrameRate is { } rate ? new FrameRateResampler(setup.TimeBase, rate) : null;
        _converter = new FrameConverter(setup.Size, setup.Fit, setup.Pool);
    }

    /// <summary>Takes over a picture and leaves the given frame empty; only after <see cref="TryTake"/> gave null.</summary>
    public void Push(AVFrame* picture)
    {
        _orientation?.Apply(picture);
        if (_resampler is not null)
        {
            _resampler.Push(picture);
            return;
        }

        av_frame_move_ref(_current, picture);
        _hasCurrent = true;
    }

    /// <summary>Tells that no picture follows.</summary>
    public void Finish() => _resampler?.Finish();

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
        _converter.Dispose();
    }
}
