using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Makes whole pictures of those that are two half ones of different times; from the first such picture on, at the price of holding one.
/// What is progressive stays as it is.
/// </summary>
internal sealed unsafe class Deinterlacer(Rational timeBase) : IDisposable
{
    private const string Filter = "bwdif=mode=send_frame:parity=auto:deint=interlaced";
    private FilterGraph? _graph;
    private (int Width, int Height, int Format) _builtFor;

    /// <summary>Replaces a picture by the one that is next; false when there is none yet, and the frame is empty.</summary>
    public bool Apply(AVFrame* frame)
    {
        var shape = (frame->width, frame->height, frame->format);
        if (_graph is null && !frame->is_interlaced)
        {
            return true;
        }

        if (_graph is null || shape != _builtFor)
        {
            // The one that is held has another shape: it goes.
            _graph?.Dispose();
            _graph = FilterGraph.ForFrames(frame, timeBase, Filter);
            _builtFor = shape;
        }

        _graph.Push(frame);
        return Pull(frame);
    }

    /// <summary>The picture that was held, when no other follows; false when there is none.</summary>
    public bool Finish(AVFrame* frame)
    {
        _graph?.Push(null);
        return _graph is not null && Pull(frame);
    }

    public void Dispose() => _graph?.Dispose();

    private bool Pull(AVFrame* frame)
    {
        if (!_graph!.TryPull(frame))
        {
            return false;
        }

        frame->pts = _graph.OutputTimeBase.Rescale(frame->pts, timeBase);
        return true;
    }
}
