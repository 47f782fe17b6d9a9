using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Takes RGB pictures from a filter graph into pooled frames.</summary>
internal sealed unsafe class PictureReader(FramePool pool, int width, int height) : IDisposable
{
    private AVFrame* _frame = Av.Allocated(av_frame_alloc());

    /// <summary>Pictures read so far.</summary>
    public long Count { get; private set; }

    /// <summary>The next picture, or null when the graph has none now.</summary>
    public VideoFrame? TryRead(FilterGraph graph)
    {
        if (graph.Pull(_frame) < 0)
            return null;
        try
        {
            var picture = VideoFrame.Rent(pool, width, height);
            var rowBytes = 3 * width;
            for (var row = 0; row < height; row++)
                new ReadOnlySpan<byte>(_frame->data[0] + (long)row * _frame->linesize[0], rowBytes).CopyTo(picture.Pixels.Slice(row * rowBytes, rowBytes));
            picture.Index = Count++;
            picture.Pts = _frame->pts;
            picture.Duration = Math.Max(_frame->pkt_duration, 0);
            return picture;
        }
        finally
        {
            av_frame_unref(_frame);
        }
    }

    public void Dispose()
    {
        var frame = _frame;
        _frame = null;
        av_frame_free(&frame);
    }
}
