using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Transport.Media.Browser;

/// <summary>Where browsers come to a session whose input or output is <c>browser:</c>. From any thread.</summary>
public sealed class BrowserDoor : IDisposable
{
    /// <summary>Takes frames from a browser.</summary>
    public BrowserInput Input { get; } = new();

    /// <summary>Gives what comes out to viewers.</summary>
    public PacketRelay Output { get; } = new();

    /// <summary>Gives what goes in to viewers, for those who compare.</summary>
    public PacketRelay Source { get; } = new();

    /// <summary>The session has ended: whoever is connected is told.</summary>
    public void Dispose()
    {
        Input.Dispose();
        Output.End();
        Source.End();
    }
}
