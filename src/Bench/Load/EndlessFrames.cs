using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Bench.Load;

/// <summary>Frames without an end: a file's, which begins again when it is over, or drawn ones that move.</summary>
/// <param name="options">How they are fitted.</param>
/// <param name="size">Of the frames.</param>
/// <param name="input">The file; null for drawn ones.</param>
/// <param name="pool">Where they take their memory; stays the caller's.</param>
internal sealed class EndlessFrames(RestyleOptions options, (int Width, int Height) size, MediaAddress? input, FramePool pool) : IDisposable
{
    private IFrameSource? _source;

    /// <summary>Frames a second that a file's are brought to; null for its own.</summary>
    public Rational? Rate { get; init; }

    /// <exception cref="MediaException">The file cannot be read, or holds no picture.</exception>
    public VideoFrame Next()
    {
        for (var isFresh = false; ;)
        {
            if (_source is null)
            {
                _source = input is null ? new SyntheticSource(size, pool) : MediaSources.Open(Wish(input), CancellationToken.None);
                isFresh = true;
            }
            var unit = _source.Read(CancellationToken.None);
            if (unit is VideoFrame frame)
                return frame;
            unit?.Dispose();
            if (unit is not null)
                continue;
            if (isFresh)
                throw new MediaException("the input holds no picture that can be decoded");
            Restart();
        }
    }

    /// <summary>The next frame is the first.</summary>
    public void Restart()
    {
        _source?.Dispose();
        _source = null;
    }

    public void Dispose() => Restart();

    private VideoSourceOptions Wish(MediaAddress address) =>
        (options with { Input = options.Input with { Address = address } }).Source(size, pool) with { FrameRate = Rate, ReadAudio = false };
}
