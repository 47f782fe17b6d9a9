using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>Writes still pictures.</summary>
public static unsafe class PngWriter
{
    private const int BytesPerPixel = 3;

    /// <summary>Writes packed RGB24 as a PNG file, over any file of that name.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rgb">Rows top to bottom without padding, <c>width * height * 3</c> bytes.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentException">The pixels do not match the size.</exception>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> rgb, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (rgb.Length != width * height * BytesPerPixel)
        {
            throw new ArgumentException($"A {width}x{height} picture has {width * height * BytesPerPixel} bytes, not {rgb.Length}.", nameof(rgb));
        }

        OutputPath.ThrowIfUnusable(path, input: null);
        FFmpegLibrary.Initialize();
        try
        {
            File.WriteAllBytes(path, Encode(rgb, width, height));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"Output '{path}' cannot be written: {error.Message.TrimEnd('.')}.", error);
        }
    }

    private static byte[] Encode(ReadOnlySpan<byte> rgb, int width, int height)
    {
        var codec = avcodec_find_encoder(AVCodecID.AV_CODEC_ID_PNG);
        var context = avcodec_alloc_context3(codec);
        var picture = av_frame_alloc();
        var packet = av_packet_alloc();
        try
        {
            (context->width, context->height, context->pix_fmt) = (width, height, AVPixelFormat.AV_PIX_FMT_RGB24);
            context->time_base = new AVRational { num = 1, den = 1 };
            FFmpegError.ThrowIfFailed(avcodec_open2(context, codec, null), "PNG encoder");
            Fill(picture, rgb, width, height);
            FFmpegError.ThrowIfFailed(avcodec_send_frame(context, picture), "PNG encoder");
            FFmpegError.ThrowIfFailed(avcodec_receive_packet(context, packet), "PNG encoder");
            return new ReadOnlySpan<byte>(packet->data, packet->size).ToArray();
        }
        finally
        {
            NativeObject.Free(ref packet);
            NativeObject.Free(ref picture);
            NativeObject.Free(ref context);
        }
    }

    private static void Fill(AVFrame* picture, ReadOnlySpan<byte> rgb, int width, int height)
    {
        (picture->width, picture->height, picture->format) = (width, height, (int)AVPixelFormat.AV_PIX_FMT_RGB24);
        FFmpegError.ThrowIfFailed(av_frame_get_buffer(picture, 0), "picture buffer");
        var rowBytes = width * BytesPerPixel;
        for (var y = 0; y < height; y++)
        {
            rgb.Slice(y * rowBytes, rowBytes).CopyTo(new Span<byte>(picture->data[0] + (y * picture->linesize[0]), rowBytes));
        }
    }
}
