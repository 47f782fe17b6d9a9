using FFmpeg.AutoGen;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media.FFmpeg;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.Stills;

/// <summary>Writes one frame as a PNG or a JPEG file, as its name says.</summary>
public static unsafe class StillWriter
{
    private const int BytesPerPixel = 3;

    // Of 2 to 31: no loss that one sees.
    private const int JpegScale = 2;

    /// <summary>True for names that mean a still: .png, .jpg, .jpeg.</summary>
    public static bool IsStill(string path) => CodecOf(path) != AVCodecID.AV_CODEC_ID_NONE;

    /// <summary>Why a still cannot have this name, in one line; null where it can.</summary>
    /// <param name="what">The user's word for it, such as "contact-sheet".</param>
    /// <param name="path">The name.</param>
    public static string? Obstacle(string what, string path) => IsStill(path) ? null : $"{what} {path} must end in .png, .jpg or .jpeg";

    /// <summary>Writes packed RGB24, over any file of that name, which is replaced when the new one is complete.</summary>
    /// <param name="path">The file: .png, .jpg or .jpeg.</param>
    /// <param name="rgb">Rows top to bottom without padding, <c>width * height * 3</c> bytes.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="alpha">See <see cref="VideoFrame.Alpha"/>; empty, the default, for none. PNG only.</param>
    /// <exception cref="ArgumentException">The pixels do not match the size.</exception>
    /// <exception cref="MediaException">The file cannot be written, or its name means no still.</exception>
    public static void Write(string path, ReadOnlySpan<byte> rgb, int width, int height, ReadOnlySpan<byte> alpha = default)
    {
        OutputPath.ThrowIfUnusable(path, input: null);
        var content = Encode(path, rgb, width, height, alpha);
        try
        {
            WholeFile.Write(path, content);
        }
        catch (IOException error)
        {
            throw new MediaException($"Output {error.Message}.", error);
        }
    }

    /// <summary>The content of such a file.</summary>
    /// <param name="name">A name or an extension: .png, .jpg or .jpeg.</param>
    /// <param name="rgb">As for <see cref="Write"/>.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="alpha">As for <see cref="Write"/>.</param>
    /// <exception cref="ArgumentException">The pixels do not match the size.</exception>
    /// <exception cref="MediaException">The name means no still.</exception>
    public static byte[] Encode(string name, ReadOnlySpan<byte> rgb, int width, int height, ReadOnlySpan<byte> alpha = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (rgb.Length != width * height * BytesPerPixel)
        {
            throw new ArgumentException(
                $"A {width}x{height} frame has {width * height * BytesPerPixel} bytes, not {rgb.Length}.", nameof(rgb));
        }

        if (Obstacle("Output", name) is { } obstacle)
        {
            throw new MediaException(obstacle);
        }

        FFmpegLibrary.Initialize();
        if (alpha.IsEmpty)
        {
            return Encode(CodecOf(name), rgb, width, height, BytesPerPixel);
        }

        var rgba = new byte[4 * alpha.Length];
        for (var i = 0; i < alpha.Length; i++)
        {
            rgb.Slice(3 * i, BytesPerPixel).CopyTo(rgba.AsSpan(4 * i));
            rgba[4 * i + 3] = alpha[i];
        }

        return Encode(CodecOf(name), rgba, width, height, BytesPerPixel + 1);
    }

    private static AVCodecID CodecOf(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".PNG" => AVCodecID.AV_CODEC_ID_PNG,
        ".JPG" or ".JPEG" => AVCodecID.AV_CODEC_ID_MJPEG,
        _ => AVCodecID.AV_CODEC_ID_NONE,
    };

    private static byte[] Encode(AVCodecID id, ReadOnlySpan<byte> pixels, int width, int height, int bytesPerPixel)
    {
        var isJpeg = id == AVCodecID.AV_CODEC_ID_MJPEG;
        var context = avcodec_alloc_context3(avcodec_find_encoder(id));
        var frame = av_frame_alloc();
        var packet = av_packet_alloc();
        try
        {
            (context->width, context->height) = (width, height);
            var format = bytesPerPixel == BytesPerPixel ? AVPixelFormat.AV_PIX_FMT_RGB24 : AVPixelFormat.AV_PIX_FMT_RGBA;
            context->pix_fmt = isJpeg ? AVPixelFormat.AV_PIX_FMT_YUVJ444P : format;
            context->time_base = new AVRational { num = 1, den = 1 };
            if (isJpeg)
            {
                context->flags |= AV_CODEC_FLAG_QSCALE;
                context->global_quality = JpegScale * FF_QP2LAMBDA;
            }

            FFmpegError.ThrowIfFailed(avcodec_open2(context, context->codec, null), "still encoder");
            (frame->width, frame->height, frame->format, frame->quality) = (width, height, (int)context->pix_fmt, context->global_quality);
            FFmpegError.ThrowIfFailed(av_frame_get_buffer(frame, 0), "frame buffer");
            Fill(frame, pixels, format, bytesPerPixel);
            FFmpegError.ThrowIfFailed(avcodec_send_frame(context, frame), "still encoder");
            FFmpegError.ThrowIfFailed(avcodec_send_frame(context, null), "still encoder");
            FFmpegError.ThrowIfFailed(avcodec_receive_packet(context, packet), "still encoder");
            return new ReadOnlySpan<byte>(packet->data, packet->size).ToArray();
        }
        finally
        {
            NativeObject.Free(ref packet);
            NativeObject.Free(ref frame);
            NativeObject.Free(ref context);
        }
    }

    private static void Fill(AVFrame* frame, ReadOnlySpan<byte> rgb, AVPixelFormat format, int bytesPerPixel)
    {
        // JPEG knows one meaning of its numbers only: the older matrix, all of 0 to 255.
        var color = new ColorDescription(SWS_CS_ITU601, FullRange: true);
        using var scaler = new Scaler();
        scaler.Configure(new ScalerSetup((frame->width, frame->height), format, color,
            (frame->width, frame->height), (AVPixelFormat)frame->format, color));
        scaler.SetTarget(frame);
        fixed (byte* pixels = rgb)
        {
            scaler.SetSource(pixels, frame->width * bytesPerPixel);
            scaler.Run();
        }
    }
}
