using System.Threading.Channels;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Browser;

/// <summary>
/// Where a browser sends frames to a session: one at a time, and it may come again as often as it likes. From any thread.
/// </summary>
public sealed class BrowserInput : IDisposable
{
    private readonly Lock _gate = new();

    // The newest that nobody has looked at yet: however often a browser comes again, one waits.
    private readonly Channel<BrowserPublisher> _publishers = Channel.CreateBounded<BrowserPublisher>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest }, dropped => dropped.Dispose());

    private BrowserPublisher? _current;
    private bool _isDisposed;

    /// <summary>True while a browser is connected.</summary>
    public bool IsPublishing
    {
        get
        {
            lock (_gate)
            {
                return _current is not null;
            }
        }
    }

    /// <summary>
    /// Takes a browser in. One that comes again takes its own place over: its old connection may not know yet that it is dead.
    /// </summary>
    /// <param name="format">What it sends.</param>
    /// <param name="client">What it calls itself, the same each time; nobody else knows it.</param>
    /// <returns>What takes its packets; <see cref="Leave"/> gives the place back.</returns>
    /// <exception cref="MediaException">Another browser is sending, or the format cannot be taken.</exception>
    public BrowserPublisher Connect(StreamFormat format, string client)
    {
        ArgumentNullException.ThrowIfNull(format);
        Check(format);
        var publisher = new BrowserPublisher(format, client);
        lock (_gate)
        {
            if (_isDisposed)
            {
                throw new MediaException("The session has ended.");
            }

            if (_current is { } other && other.Client != client)
            {
                throw new MediaException("Another browser is sending to this session: stop it there first.");
            }

            _current?.Dispose();
            _current = publisher;
            _ = _publishers.Writer.TryWrite(publisher);
        }

        return publisher;
    }

    /// <summary>A browser is gone.</summary>
    public void Leave(BrowserPublisher publisher)
    {
        ArgumentNullException.ThrowIfNull(publisher);
        lock (_gate)
        {
            _current = _current == publisher ? null : _current;
        }
    }

    /// <summary>The session has ended.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _current?.Dispose();
            _ = _publishers.Writer.TryComplete();
        }
    }

    /// <summary>Waits for the next browser. Its bytes are the caller's to dispose.</summary>
    internal IByteSource Accept(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                var publisher = _publishers.Reader.ReadAsync(ct).AsTask().GetAwaiter().GetResult();
                // One whose place was taken over while nobody looked has nothing more to say.
                if (!publisher.Ended.IsCancellationRequested)
                {
                    return publisher.Bytes;
                }
            }
            catch (ChannelClosedException)
            {
                throw new MediaException("The session has ended.");
            }
        }
    }

    private static void Check(StreamFormat format)
    {
        _ = MatroskaStream.CodecOf(format.Codec);
        if (format.Width is < 16 or > FrameLimits.MaximumSide || format.Height is < 16 or > FrameLimits.MaximumSide)
        {
            throw new MediaException(
                $"Frames of {format.Width}x{format.Height} cannot be taken: each side is from 16 to {FrameLimits.MaximumSide} pixels.");
        }

        if (format.Codec.StartsWith("avc", StringComparison.Ordinal) && format.Description.IsEmpty)
        {
            throw new MediaException("H.264 needs its description (avcC): configure the encoder with avc: { format: 'avc' }.");
        }

        if (format.Sound is { } sound && (sound.Codec != "opus" || sound.Channels is not (1 or 2)
            || sound.SampleRate is not (8000 or 12000 or 16000 or 24000 or 48000)))
        {
            throw new MediaException("Sound must be opus of one or two channels and 8000, 12000, 16000, 24000 or 48000 Hz.");
        }
    }
}
