using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Browser;

/// <summary>
/// A browser whose packets are being received; read as a Matroska file that ends when it leaves. Disposing it says that nobody reads.
/// </summary>
public sealed class BrowserPublisher : IDisposable
{
    // Beyond it the browser has to wait, and leaves frames out by itself.
    private const int MostBuffered = 1 << 20;

    private readonly BytePipe _bytes = new(MostBuffered);
    private readonly bool _hasSound;
    private bool _hasKey;

    internal BrowserPublisher(StreamFormat format, string client)
    {
        Client = client;
        _hasSound = format.Sound is not null;
        _bytes.Append(MatroskaStream.Header(format));
    }

    /// <summary>What the browser calls itself: the same when it comes again.</summary>
    internal string Client { get; }

    /// <summary>Cancelled when nobody reads any more: the session ended, or the source was given up for a while.</summary>
    public CancellationToken Ended => _bytes.Ended;

    internal IByteSource Bytes => _bytes;

    /// <summary>Passes a packet on. Frames before the first key frame, and sound that was not announced, are left out.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads any more.</exception>
    public async ValueTask SendAsync(EncodedPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        _hasKey |= packet.Kind == PacketKind.Key;
        if (packet.Kind == PacketKind.Sound ? _hasSound : _hasKey)
        {
            _bytes.Append(MatroskaStream.Cluster(packet));
            await _bytes.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The browser has left: what it sent is read to its end.</summary>
    public ValueTask CompleteAsync() => _bytes.CompleteAsync();

    public void Dispose() => _bytes.Dispose();
}
