using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.Encoded;

/// <summary>
/// A picture or a piece of sound as an encoder made it, shared by all who write it. The last one to let go returns its memory.
/// </summary>
public sealed unsafe class EncodedUnit : IDisposable
{
    private static readonly Rational Microseconds = new(1, 1_000_000);

    private readonly Lock _gate = new();
    private readonly ReadOnlyMemory<byte> _headers;
    private readonly uint _duration;
    private AVPacket* _packet = av_packet_alloc();
    private EncodedPacket? _message;
    private int _holders = 1;

    /// <param name="kind">What it holds.</param>
    /// <param name="packet">Its data with times counted from the zero of the run's output; left empty.</param>
    /// <param name="timeBase">Seconds per tick of its times.</param>
    /// <param name="headers">What a decoder needs before a key frame, where it may stand in the stream itself.</param>
    internal EncodedUnit(PacketKind kind, AVPacket* packet, Rational timeBase, ReadOnlyMemory<byte> headers)
    {
        av_packet_move_ref(_packet, packet);
        (Kind, TimeBase, _headers) = (kind, timeBase, headers);
        (Place, Size) = (_packet->pts, _packet->size);
        _duration = (uint)Math.Max(0, timeBase.Rescale(_packet->duration, Microseconds));
    }

    /// <summary>Makes one of bytes that no encoder made here.</summary>
    /// <param name="kind">What it holds.</param>
    /// <param name="place">When it is shown or heard, in ticks.</param>
    /// <param name="timeBase">Seconds per tick, which is how long it lasts.</param>
    /// <param name="data">Its data; may be empty.</param>
    public static EncodedUnit Of(PacketKind kind, long place, Rational timeBase, ReadOnlySpan<byte> data)
    {
        var packet = av_packet_alloc();
        try
        {
            FFmpegError.ThrowIfFailed(av_new_packet(packet, data.Length), "packet");
            data.CopyTo(new Span<byte>(packet->data, data.Length));
            (packet->pts, packet->dts, packet->duration) = (place, place, 1);
            return new EncodedUnit(kind, packet, timeBase, default);
        }
        finally
        {
            NativeObject.Free(ref packet);
        }
    }

    /// <summary>What it holds.</summary>
    public PacketKind Kind { get; }

    /// <summary>Seconds per tick of <see cref="Place"/>: of pictures the time of one, of sound a sample's.</summary>
    public Rational TimeBase { get; }

    /// <summary>When it is shown or heard, in ticks from the zero of the run's output: of pictures their number.</summary>
    public long Place { get; }

    /// <summary>Where what follows it begins, in ticks; its place where it does not tell how long it lasts.</summary>
    public long End => Place + _packet->duration;

    /// <summary>The same in microseconds; sound that an encoder puts before zero counts as zero.</summary>
    public long Time => Math.Max(0, TimeBase.Rescale(Place, Microseconds));

    /// <summary>Bytes of its data.</summary>
    public int Size { get; }

    /// <summary>As it goes to a browser: key frames with all that a decoder needs. Made once, when first asked for.</summary>
    public EncodedPacket Message
    {
        get
        {
            lock (_gate)
            {
                return _message ??= EncodedPacket.Of(Kind, Time, _duration, Headers.Span, new ReadOnlySpan<byte>(_packet->data, Size));
            }
        }
    }

    private ReadOnlyMemory<byte> Headers => Kind == PacketKind.Key ? _headers : default;

    /// <summary>One holder more.</summary>
    public EncodedUnit Share()
    {
        _ = Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>One holder less.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            NativeObject.Free(ref _packet);
        }
    }

    /// <summary>Makes an empty packet one with the same data, without a copy where that is possible.</summary>
    /// <param name="target">The packet.</param>
    /// <param name="isInBand">True puts what a decoder needs into key frames; false leaves that to the container's header.</param>
    internal void CopyTo(AVPacket* target, bool isInBand)
    {
        if (!isInBand || Headers.Length == 0)
        {
            FFmpegError.ThrowIfFailed(av_packet_ref(target, _packet), "packet");
            return;
        }

        FFmpegError.ThrowIfFailed(av_new_packet(target, Headers.Length + Size), "packet");
        FFmpegError.ThrowIfFailed(av_packet_copy_props(target, _packet), "packet");
        var data = new Span<byte>(target->data, target->size);
        Headers.Span.CopyTo(data);
        new ReadOnlySpan<byte>(_packet->data, Size).CopyTo(data[Headers.Length..]);
    }
}
