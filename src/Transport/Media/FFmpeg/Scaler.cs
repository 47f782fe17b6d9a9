using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What a scaler is built for; another value needs another scaler.</summary>
internal readonly record struct ScalerSetup(
    (int Width, int Height) SourceSize,
    AVPixelFormat SourceFormat,
    ColorDescription SourceColor,
    (int Width, int Height) TargetSize,
    AVPixelFormat TargetFormat,
    ColorDescription TargetColor);

/// <summary>A swscale context that is rebuilt when its setup changes.</summary>
internal sealed unsafe class Scaler : IDisposable
{
    private const int Unity = 1 << 16;

    private readonly byte*[] _sourcePlanes = new byte*[4];
    private readonly int[] _sourceStrides = new int[4];
    private readonly byte*[] _targetPlanes = new byte*[4];
    private readonly int[] _targetStrides = new int[4];
    private SwsContext* _context;
    private ScalerSetup _setup;

    /// <summary>Makes the scaler fit the setup.</summary>
    public void Configure(in ScalerSetup setup)
    {
        if (_context is not null && setup == _setup)
        {
            return;
        }

        Dispose();
        _context = sws_getContext(
            setup.SourceSize.Width, setup.SourceSize.Height, setup.SourceFormat,
            setup.TargetSize.Width, setup.TargetSize.Height, setup.TargetFormat, Flags(setup), null, null, null);
        if (_context is null)
        {
            throw new MediaException(
                $"FFmpeg cannot convert {av_get_pix_fmt_name(setup.SourceFormat)} {setup.SourceSize.Width}x{setup.SourceSize.Height} "
                + $"to {av_get_pix_fmt_name(setup.TargetFormat)} {setup.TargetSize.Width}x{setup.TargetSize.Height}.");
        }

        ref readonly var source = ref *(int_array4*)sws_getCoefficients(setup.SourceColor.Matrix);
        ref readonly var target = ref *(int_array4*)sws_getCoefficients(setup.TargetColor.Matrix);
        // Refused, harmlessly, where both sides are RGB.
        _ = sws_setColorspaceDetails(
            _context, source, setup.SourceColor.FullRange ? 1 : 0, target, setup.TargetColor.FullRange ? 1 : 0, 0, Unity, Unity);
        _setup = setup;
    }

    /// <summary>Reads from all planes of a picture.</summary>
    public void SetSource(AVFrame* frame) => SetPlanes(frame, _sourcePlanes, _sourceStrides);

    /// <summary>Reads from a packed picture.</summary>
    public void SetSource(byte* data, int stride)
    {
        _sourcePlanes[0] = data;
        _sourceStrides[0] = stride;
    }

    /// <summary>Writes to all planes of a picture.</summary>
    public void SetTarget(AVFrame* frame) => SetPlanes(frame, _targetPlanes, _targetStrides);

    /// <summary>Writes to a packed picture.</summary>
    public void SetTarget(byte* data, int stride)
    {
        _targetPlanes[0] = data;
        _targetStrides[0] = stride;
    }

    /// <summary>Converts a whole picture.</summary>
    public void Run() =>
        FFmpegError.ThrowIfFailed(
            sws_scale(_context, _sourcePlanes, _sourceStrides, 0, _setup.SourceSize.Height, _targetPlanes, _targetStrides),
            "picture conversion");

    public void Dispose()
    {
        sws_freeContext(_context);
        _context = null;
    }

    private static void SetPlanes(AVFrame* frame, byte*[] planes, int[] strides)
    {
        for (uint plane = 0; plane < planes.Length; plane++)
        {
            planes[plane] = frame->data[plane];
            strides[plane] = frame->linesize[plane];
        }
    }

    // At an unchanged size only chroma is resampled, where the cheapest filter is good enough.
    private static int Flags(in ScalerSetup setup) =>
        setup.SourceSize == setup.TargetSize ? SWS_BILINEAR : SWS_BICUBIC;
}
