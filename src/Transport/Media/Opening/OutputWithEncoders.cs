using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>An open output with encoders of its own, which encodes and writes in the caller's thread.</summary>
public sealed class OutputWithEncoders : IDisposable
{
    private readonly LiveEncoder _pictures;
    private readonly LiveEncoder? _sound;
    private readonly ILiveSink _sink = null!;

    /// <param name="options">The output.</param>
    /// <param name="ct">Ends the attempt, and what is being written.</param>
    /// <exception cref="MediaException">The output is not understood, or cannot be opened now.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public OutputWithEncoders(LiveSinkOptions options, CancellationToken ct)
    {
        var streams = LiveSinks.StreamsOf(options);
        _pictures = new LiveEncoder(streams.Pictures, Give);
        try
        {
            _sound = streams.Sound is { } sound ? new LiveEncoder(sound, Give) : null;
            using var pictures = _pictures.Describe();
            using var described = _sound?.Describe();
            _sink = LiveSinks.Open(options, pictures, described, ct);
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>Takes a picture, which it does not keep.</summary>
    /// <param name="frame">The picture.</param>
    /// <param name="number">Its place in the output; each number at most once and in order.</param>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public void Write(VideoFrame frame, long number) => _pictures.Write(frame, number, false);

    /// <summary>Takes the sound that follows; a gap becomes silence.</summary>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public void Write(SoundBlock block) => _sound?.Write(block);

    /// <summary>Writes what encoders hold and closes the output as it should be.</summary>
    /// <exception cref="MediaException">It cannot be written.</exception>
    public void Complete()
    {
        _pictures.Finish();
        _sound?.Finish();
        _sink.Complete();
    }

    /// <summary>Closes what is still open.</summary>
    public void Dispose()
    {
        _sink.Dispose();
        Free();
    }

    private void Give(EncodedUnit unit)
    {
        using (unit)
        {
            _sink.Write(unit);
        }
    }

    private void Free()
    {
        _sound?.Dispose();
        _pictures.Dispose();
    }
}
