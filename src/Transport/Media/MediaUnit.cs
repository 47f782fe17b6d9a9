namespace StreamDiff.Transport.Media;

/// <summary>What a source delivers: a picture or a packet of sound, never both. The receiver owns it.</summary>
public readonly record struct MediaUnit(VideoFrame? Video, AudioPacket? Audio) : IDisposable
{
    public void Dispose()
    {
        Video?.Dispose();
        Audio?.Dispose();
    }
}
