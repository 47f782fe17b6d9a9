namespace StreamDiff.Transport.Media;

/// <summary>What a source yields: a <see cref="VideoFrame"/> or an <see cref="AudioPacket"/>, never anything else.</summary>
public abstract class MediaUnit : IDisposable
{
    private protected MediaUnit()
    {
    }

    /// <summary>Presentation time in ticks of the stream's time base.</summary>
    public long Pts { get; set; }

    /// <summary>How long it lasts, in ticks of the stream's time base; 0 when unknown.</summary>
    public long Duration { get; set; }

    /// <summary>Returns what it holds to where it came from; a second call does nothing.</summary>
    public abstract void Dispose();
}
