namespace StreamDiff.Transport.Media;

/// <summary>Where pictures and sound go. Used by one thread at a time; what is written stays the caller's to dispose.</summary>
public interface IFrameSink : IDisposable
{
    /// <exception cref="MediaException">It cannot be written, for example because the disk is full.</exception>
    void Write(VideoFrame frame);

    /// <exception cref="MediaException">It cannot be written.</exception>
    void Write(AudioPacket packet);

    /// <summary>Writes what is still held back and ends the file. Disposing without it does the same as far as possible, silently.</summary>
    /// <exception cref="MediaException">It cannot be written.</exception>
    void Complete();
}
