using System.Buffers.Binary;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Rtmp;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>Cuts FLV into its tags, and keeps those that a reader must have who comes in the middle.</summary>
internal sealed class FlvFeed : IContainerFeed
{
    private const int FileHeaderSize = 13;
    private const int HeaderSize = 11;
    private const int BackPointerSize = 4;

    private readonly Dictionary<(int Type, AVCodecID Codec, int Track), byte[]> _headers = [];
    private byte[]? _metadata;
    private bool _hasBegun;

    public IEnumerable<byte[]> Preamble =>
        [FlvTags.FileHeader.ToArray(), .. _metadata is null ? [] : (byte[][])[_metadata], .. _headers.Values];

    public int Take(ReadOnlySpan<byte> bytes, List<FeedPiece> pieces)
    {
        var at = 0;
        if (!_hasBegun)
        {
            if (bytes.Length < FileHeaderSize)
            {
                return 0;
            }

            (at, _hasBegun) = (FileHeaderSize, true);
        }

        while (bytes.Length - at >= HeaderSize)
        {
            var body = (bytes[at + 1] << 16) | BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
            var size = HeaderSize + body + BackPointerSize;
            if (bytes.Length - at < size)
            {
                break;
            }

            pieces.Add(Piece(bytes.Slice(at, size).ToArray(), bytes.Slice(at + HeaderSize, body)));
            at += size;
        }

        return at;
    }

    private FeedPiece Piece(byte[] tag, ReadOnlySpan<byte> body)
    {
        var type = (RtmpType)tag[0];
        if (type == RtmpType.Data)
        {
            _metadata = tag;
            return new FeedPiece(tag, IsKey: false, IsPreamble: true);
        }

        var parts = type == RtmpType.Video ? FlvBody.Pictures(body) : FlvBody.Sound(body);
        var headers = parts.FindAll(p => p.IsHeader);
        if (headers.Count > 0 && body.Length > FlvBody.MostHeader)
        {
            throw new InvalidDataException($"it sends a header of {body.Length} bytes");
        }

        foreach (var header in headers)
        {
            _headers[(tag[0], AVCodecID.AV_CODEC_ID_NONE, header.Track)] = tag;
        }

        // What decoders begin with is no picture that one can begin at.
        return new FeedPiece(tag, type == RtmpType.Video && parts.Exists(p => p.IsKey && !p.IsHeader), headers.Count > 0);
    }
}
