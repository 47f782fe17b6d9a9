namespace StreamDiff.Transport.Media.Live;

/// <summary>
/// An open output that takes pictures of constant rate and sound. One thread at a time. Trouble is a <see cref="MediaException"/>; then it
/// is disposed and opened again.
/// </summary>
public interface ILiveSink : IDisposable
{
    /// <summary>How an SRT connection is doing, from any thread; null where there is none.</summary>
    LinkStatistics? Link => null;

    /// <summary>Takes a picture, which it does not keep.</summary>
    /// <param name="frame">The picture.</param>
    /// <param name="number">Its place in the output; each number at most once and in order.</param>
    void Write(VideoFrame frame, long number);

    /// <summary>Takes the sound that follows; a gap becomes silence.</summary>
    void Write(SoundBlock block);

    /// <summary>Writes what encoders hold and closes the output as it should be.</summary>
    void Complete();

    /// <summary>
    /// Says that the output is somebody else's by now: nothing is written to it any more, no last words either. What is disposed next only
    /// lets go.
    /// </summary>
    void Abandon()
    {
    }

    /// <summary>
    /// After <see cref="Complete"/>: what is left to do to a recording, by any thread and also after the sink was disposed; null where
    /// there is nothing.
    /// </summary>
    RecordingFinish? Rest => null;
}
