using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Transport.Media.Live;

/// <summary>
/// An open output that takes what encoders made of pictures of constant rate and of sound. One thread at a time. Trouble is a
/// <see cref="MediaException"/>; then it is disposed and opened again.
/// </summary>
public interface ILiveSink : IDisposable
{
    /// <summary>How an SRT connection is doing, from any thread; null where there is none.</summary>
    LinkStatistics? Link => null;

    /// <summary>
    /// Takes a picture or a piece of sound, of which it holds a share of its own where it keeps it. The first picture is a key frame, and
    /// the zero of the output's times; sound from before it has no place in it.
    /// </summary>
    void Write(EncodedUnit unit);

    /// <summary>Closes the output as it should be; encoders have given what they held.</summary>
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
