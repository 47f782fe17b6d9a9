namespace StreamDiff.Transport.Media;

/// <summary>Takes everything and keeps nothing: for measuring.</summary>
internal sealed class NullSink : IFrameSink
{
    public void Write(VideoFrame frame) => ArgumentNullException.ThrowIfNull(frame);

    public void Write(AudioPacket packet) => ArgumentNullException.ThrowIfNull(packet);

    public void Complete()
    {
    }

    public void Dispose()
    {
    }
}
