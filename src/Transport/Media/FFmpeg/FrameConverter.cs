using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Decoded pictures of any format and size to RGB24 frames of one size: cut, scaled and converted straight into the pooled buffer.
/// </summary>
internal sealed unsafe class FrameConverter((int Width, int Height) target, FitMode fit, FramePool pool) : IDisposable
{
    // AV_FRAME_CROP_UNALIGNED, a nameless enum's constant that bindings leave out: cut exactly here, aligned for vectors or not.
    private const int CropUnaligned = 1;

    private readonly RgbConverter _converter = new();

    /// <summary>Converts; crops the given reference to the picture, whose pixels stay as they are.</summary>
    public VideoFrame Convert(AVFrame* picture)
    {
        var geometry = Geometry(picture);
        var frame = VideoFrame.Rent(pool, target.Width, target.Height);
        try
        {
            Crop(picture, geometry.Source);
            var (area, stride) = (geometry.Target, frame.Width * 3);
            _converter.Convert(picture, (area.Width, area.Height), (byte*)frame.Pointer + (area.Y * stride) + (area.X * 3), stride);
            if ((area.Width, area.Height) != target)
            {
                // After scaling, because swscale may write a few bytes past the end of a row.
                frame.Content = area;
                frame.BlackenBars();
            }

            return frame;
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }

    public void Dispose() => _converter.Dispose();

    private FitGeometry Geometry(AVFrame* picture)
    {
        var descriptor = av_pix_fmt_desc_get((AVPixelFormat)picture->format);
        var step = (1 << descriptor->log2_chroma_w, 1 << descriptor->log2_chroma_h);
        return FitGeometry.Compute((picture->width, picture->height), PixelAspect.Of(picture->sample_aspect_ratio), target, fit, step);
    }

    private static void Crop(AVFrame* picture, PixelRect part)
    {
        picture->crop_left = (ulong)part.X;
        picture->crop_top = (ulong)part.Y;
        picture->crop_right = (ulong)(picture->width - part.X - part.Width);
        picture->crop_bottom = (ulong)(picture->height - part.Y - part.Height);
        FFmpegError.ThrowIfFailed(av_frame_apply_cropping(picture, CropUnaligned), "crop");
    }
}
