using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Runs;

/// <summary>Of a source's frames those that a session took, and the end after the last of them; its sound as it is.</summary>
/// <param name="source">Taken over.</param>
/// <param name="numbers">Numbers of the frames, from 0, rising.</param>
internal sealed class ChosenFrames(IFrameSource source, IReadOnlyList<long> numbers) : IFrameSource
{
    private int _next;

    public VideoStreamInfo Video => source.Video;

    public AudioStreamInfo? Audio => source.Audio;

    public SourceStatistics Statistics => source.Statistics;

    public MediaUnit? Read(CancellationToken cancellation)
    {
        while (_next < numbers.Count && source.Read(cancellation) is { } unit)
        {
            if (unit is not VideoFrame frame)
                return unit;
            if (frame.Index == numbers[_next])
            {
                _next++;
                return frame;
            }
            frame.Dispose();
        }
        return null;
    }

    public void Dispose() => source.Dispose();
}
