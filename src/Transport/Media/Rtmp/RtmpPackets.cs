using System.Buffers.Binary;
using System.Diagnostics;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// What an RTMP publisher sends as packets: FFmpeg's own reader knows neither Enhanced RTMP nor a track that begins late, and looks for
/// tracks for a while before it gives anything.
/// </summary>
/// <param name="tags">FLV, as a publisher's messages are passed on; taken over.</param>
/// <param name="patience">How long nothing may come; null waits for ever.</param>
internal sealed unsafe class RtmpPackets(IByteSource tags, TimeSpan? patience) : ILivePackets
{
    private const int FileHeader = 13;
    private const int TagHeader = 11;
    private const int BackPointer = 4;

    // Of a publisher that begins its tracks anew without end. Bytes of headers, which are kept with their tracks.
    private const int MostTracks = 1000;
    private const long MostHeaders = 4 << 20;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);
    private static readonly int[] AacRates =
        [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

    // What a demuxer would have: tracks, and nothing behind them.
    private AVFormatContext* _tracks = avformat_alloc_context();
    private readonly Dictionary<(AVMediaType Kind, int Number), int> _current = [];
    private readonly Queue<nint> _ready = new();
    private byte[] _body = [];
    private Rational _rate;
    private long _headers;
    private bool _isTooLarge;
    private bool _hasBegun;

    public bool AreTracksReplaced => true;

    public bool IsUnparsed => false;

    public bool HasStalled { get; private set; }

    public AVStream* Best(AVMediaType kind)
    {
        var numbers = _current.Where(c => c.Key.Kind == kind).OrderBy(c => c.Key.Number).Select(c => c.Value).ToList();
        return numbers.Count == 0 ? null : _tracks->streams[numbers[0]];
    }

    public AVStream* StreamOf(AVPacket* packet) => _tracks->streams[packet->stream_index];

    public Rational FrameRate(AVStream* video)
    {
        const int Usual = 25;
        return _rate.IsPositive ? _rate : new Rational(Usual, 1);
    }

    public AVRational PixelAspect(AVStream* video, AVFrame* frame) => frame is null ? default : frame->sample_aspect_ratio;

    public int Read(AVPacket* packet, CancellationToken ct)
    {
        while (!_ready.TryPeek(out _))
        {
            if (_tracks->nb_streams > MostTracks || _headers > MostHeaders || _isTooLarge)
            {
                return AVERROR_INVALIDDATA;
            }

            if (ReadTag(ct) is < 0 and var error)
            {
                ct.ThrowIfCancellationRequested();
                return error;
            }
        }

        var next = (AVPacket*)_ready.Dequeue();
        av_packet_move_ref(packet, next);
        av_packet_free(&next);
        return 0;
    }

    public void Dispose()
    {
        tags.Dispose();
        NativePackets.Free(_ready);
        avformat_free_context(_tracks);
        _tracks = null;
    }

    private int ReadTag(CancellationToken ct)
    {
        if (!_hasBegun && Fill(FileHeader, ct) is < 0 and var none)
        {
            return none;
        }

        _hasBegun = true;
        if (Fill(TagHeader, ct) is < 0 and var end)
        {
            return end;
        }

        var type = (RtmpType)_body[0];
        var size = (_body[1] << 16) | (_body[2] << 8) | _body[3];
        var time = (_body[7] << 24) | (_body[4] << 16) | (_body[5] << 8) | _body[6];
        if (Fill(size + BackPointer, ct) is < 0 and var cut)
        {
            return cut;
        }

        var body = _body.AsSpan(0, size);
        switch (type)
        {
            case RtmpType.Video:
                Take(AVMediaType.AVMEDIA_TYPE_VIDEO, FlvBody.Pictures(body), body, time);
                break;
            case RtmpType.Audio:
                Take(AVMediaType.AVMEDIA_TYPE_AUDIO, FlvBody.Sound(body), body, time);
                break;
            case RtmpType.Data:
                Note(body);
                break;
        }

        return 0;
    }

    private void Take(AVMediaType kind, List<FlvPart> parts, ReadOnlySpan<byte> body, int time)
    {
        foreach (var part in parts)
        {
            var bytes = body[part.Range];
            if (part.IsHeader && bytes.Length > FlvBody.MostHeader)
            {
                _isTooLarge = true;
                return;
            }

            var stream = TrackOf(kind, part, part.IsHeader ? bytes : default, body[0]);
            if (part.IsHeader || bytes.Length == 0)
            {
                continue;
            }

            var packet = NativePackets.Of(bytes);
            packet->stream_index = stream->index;
            (packet->dts, packet->pts) = (time, (long)time + part.Shift);
            packet->flags = part.IsKey ? AV_PKT_FLAG_KEY : 0;
            _ready.Enqueue((nint)packet);
        }
    }

    // A track that begins anew with another codec or header is another one, of the same number.
    private AVStream* TrackOf(AVMediaType kind, FlvPart part, ReadOnlySpan<byte> header, byte first)
    {
        if (_current.TryGetValue((kind, part.Track), out var index))
        {
            var known = _tracks->streams[index];
            if (known->codecpar->codec_id == part.Codec && (header.IsEmpty || header.SequenceEqual(HeaderOf(known))))
            {
                return known;
            }
        }

        var stream = avformat_new_stream(_tracks, null);
        stream->id = part.Track;
        stream->time_base = new AVRational { num = 1, den = 1000 };
        var parameters = stream->codecpar;
        (parameters->codec_type, parameters->codec_id) = (kind, part.Codec);
        if (!header.IsEmpty)
        {
            parameters->extradata = (byte*)av_mallocz((ulong)header.Length + AV_INPUT_BUFFER_PADDING_SIZE);
            parameters->extradata_size = header.Length;
            header.CopyTo(new Span<byte>(parameters->extradata, header.Length));
            _headers += header.Length;
        }

        if (kind == AVMediaType.AVMEDIA_TYPE_AUDIO)
        {
            var (rate, channels) = ShapeOf(part.Codec, header, first);
            parameters->sample_rate = rate;
            av_channel_layout_default(NativeObject.AddressOf(ref parameters->ch_layout), channels);
        }

        _current[(kind, part.Track)] = stream->index;
        return stream;
    }

    // ISO 14496-3, 1.6.2.1: five bits of kind, four of rate, four of channels.
    private static (int Rate, int Channels) ShapeOf(AVCodecID codec, ReadOnlySpan<byte> header, byte first)
    {
        if (codec != AVCodecID.AV_CODEC_ID_AAC || header.Length < 2)
        {
            return FlvBody.SoundShape(first);
        }

        var bits = BinaryPrimitives.ReadUInt16BigEndian(header);
        var (rate, channels) = ((bits >> 7) & 0xf, (bits >> 3) & 0xf);
        return rate < AacRates.Length && channels is > 0 and < 8
            ? (AacRates[rate], channels == 7 ? 8 : channels)
            : FlvBody.SoundShape(first);
    }

    private static ReadOnlySpan<byte> HeaderOf(AVStream* stream) => new(stream->codecpar->extradata, stream->codecpar->extradata_size);

    private void Note(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Amf0Reader(body);
            while (reader.HasMore)
            {
                if (reader.Read() is Dictionary<string, object?> values && values.GetValueOrDefault("framerate") is double rate)
                {
                    const int Fraction = 1000;
                    _rate = rate is > 0 and <= FrameLimits.MaximumFrameRate ? new((int)Math.Round(rate * Fraction), Fraction) : default;
                }
            }
        }
        catch (RtmpException)
        {
            // What is said beside pictures and sound need not be understood.
        }
    }

    private int Fill(int count, CancellationToken ct)
    {
        if (_body.Length < count)
        {
            _body = new byte[Math.Max(count, 2 * _body.Length)];
        }

        var begun = Stopwatch.GetTimestamp();
        for (var filled = 0; filled < count;)
        {
            var read = tags.Read(_body.AsSpan(filled, count - filled), Glance);
            if (read == 0)
            {
                return AVERROR_EOF;
            }

            if (read > 0)
            {
                filled += read;
            }
            else if (ct.IsCancellationRequested)
            {
                return AVERROR_EXIT;
            }
            else if (patience is { } most && Stopwatch.GetElapsedTime(begun) > most)
            {
                HasStalled = true;
                return AVERROR_EXIT;
            }
        }

        return 0;
    }
}
