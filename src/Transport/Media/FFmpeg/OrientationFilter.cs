using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Turns pictures upright, in their own pixel format; rebuilt when the pictures change.</summary>
internal sealed unsafe class OrientationFilter(PictureOrientation orientation, Rational timeBase) : IDisposable
{
    private FilterGraph? _graph;
    private (int Width, int Height, int Format, int AspectNumerator, int AspectDenominator) _builtFor;

    /// <summary>Replaces the picture by its turned self.</summary>
    public void Apply(AVFrame* picture)
    {
        var aspect = picture->sample_aspect_ratio;
        var needed = (picture->width, picture->height, picture->format, aspect.num, aspect.den);
        if (_graph is null || needed != _builtFor)
        {
            _graph?.Dispose();
            _graph = FilterGraph.ForPictures(picture, timeBase, orientation.Filter);
            _builtFor = needed;
        }

        _graph.Push(picture);
        if (!_graph.TryPull(picture))
        {
            throw new MediaException("FFmpeg could not turn a picture upright.");
        }
    }

    public void Dispose() => _graph?.Dispose();
}
