using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Turns pictures upright, in their own pixel format; rebuilt when the pictures change.</summary>
internal sealed unsafe class OrientationFilter(FrameOrientation orientation, Rational timeBase) : IDisposable
{
    private FilterGraph? _graph;
    private (int Width, int Height, int Format, int AspectNumerator, int AspectDenominator) _builtFor;

    /// <summary>Replaces the picture by its turned self.</summary>
    public void Apply(AVFrame* frame)
    {
        var aspect = frame->sample_aspect_ratio;
        var needed = (frame->width, frame->height, frame->format, aspect.num, aspect.den);
        if (_graph is null || needed != _builtFor)
        {
            _graph?.Dispose();
            _graph = FilterGraph.ForFrames(frame, timeBase, orientation.Filter);
            _builtFor = needed;
        }

        _graph.Push(frame);
        if (!_graph.TryPull(frame))
        {
            throw new MediaException("FFmpeg could not turn a picture upright.");
        }
    }

    public void Dispose() => _graph?.Dispose();
}
