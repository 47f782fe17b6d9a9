namespace StreamDiff.Transport.Media;

/// <summary>
/// Takes the pictures and sound packets of one output. One thread at a time. Every method reports trouble with a
/// <see cref="MediaException"/>.
/// </summary>
/// <remarks>Dispose without <see cref="Complete"/> (Ctrl+C, an error elsewhere) still leaves a playable file of what was written.</remarks>
public interface IFrameSink : IDisposable
{
    /// <summary>Things the user should know, such as a size that was rounded; empty when all is as asked.</summary>
    IReadOnlyList<string> Warnings => [];

    /// <summary>Takes one picture. Does not dispose it: the caller does, right after the call if it likes.</summary>
    void Write(VideoFrame frame);

    /// <summary>Takes one sound packet of the stream given when the sink was opened. Does not dispose it.</summary>
    void Write(AudioPacket packet);

    /// <summary>Writes what the encoders still hold and finishes the output. Nothing may be written afterwards.</summary>
    void Complete();
}
