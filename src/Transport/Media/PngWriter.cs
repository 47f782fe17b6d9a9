using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>Writes single pictures.</summary>
public static unsafe class PngWriter
{
    /// <summary>Writes packed RGB24 rows as a PNG file.</summary>
    /// <exception cref="MediaException">FFmpeg has no PNG encoder.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> rgb, int width, int height)
    {
        if (rgb.Length != width * height * 3)
            throw new ArgumentException($"{width}x{height} needs {width * height * 3} bytes, not {rgb.Length}", nameof(rgb));
        FFmpegLibrary.Initialize();
        var codec = avcodec_find_encoder(AVCodecID.AV_CODEC_ID_PNG);
        if (codec == null)
            throw new MediaException("the installed FFmpeg has no PNG encoder");
        var context = avcodec_alloc_context3(codec);
        var frame = av_frame_alloc();
        var packet = av_packet_alloc();
        try
        {
            context->width = frame->width = width;
            context->height = frame->height = height;
            context->pix_fmt = AVPixelFormat.AV_PIX_FMT_RGB24;
            context->time_base = new AVRational { num = 1, den = 1 };
            frame->format = (int)AVPixelFormat.AV_PIX_FMT_RGB24;
            FFmpegError.ThrowIfFailed(avcodec_open2(context, codec, null), "PNG encoder");
            FFmpegError.ThrowIfFailed(av_frame_get_buffer(frame, 0), "PNG encoder");
            for (var row = 0; row < height; row++)
                rgb.Slice(row * width * 3, width * 3).CopyTo(new Span<byte>(frame->data[0] + (long)row * frame->linesize[0], width * 3));
            FFmpegError.ThrowIfFailed(avcodec_send_frame(context, frame), "PNG encoder");
            FFmpegError.ThrowIfFailed(avcodec_receive_packet(context, packet), "PNG encoder");
            using var file = File.Create(path);
            file.Write(new ReadOnlySpan<byte>(packet->data, packet->size));
        }
        finally
        {
            av_packet_free(&packet);
            av_frame_free(&frame);
            avcodec_free_context(&context);
        }
    }
}
