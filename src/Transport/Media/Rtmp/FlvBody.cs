using System.Buffers.Binary;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>What one track says in a message of sound or pictures.</summary>
/// <param name="Track">Its number, 0 where there is one of a kind.</param>
/// <param name="Codec">How it is coded.</param>
/// <param name="IsHeader">True for what decoders must know before anything else.</param>
/// <param name="IsKey">True for a picture that needs no other.</param>
/// <param name="Shift">Milliseconds from the message's time to that at which the picture is shown.</param>
/// <param name="Range">Where in the message the coded bytes are.</param>
internal readonly record struct FlvPart(int Track, AVCodecID Codec, bool IsHeader, bool IsKey, int Shift, Range Range);

/// <summary>
/// Reads the bodies of FLV's tags, which are RTMP's messages: as in Adobe's Flash Video File Format Specification 10.1, annex E, and in
/// Enhanced RTMP v2 (Veovera 2024), which adds codecs by their four letters and several tracks in one message.
/// </summary>
internal static class FlvBody
{
    /// <summary>Bytes that the header of a track has at most: true ones have some hundred.</summary>
    public const int MostHeader = 64 * 1024;

    private const int KeyFrame = 1;
    private const int Command = 5;

    // Packet types of Enhanced RTMP, alike for sound and pictures as far as they go.
    private const int SequenceStart = 0, CodedFrames = 1, CodedFramesX = 3, SoundMultitrack = 5, PictureMultitrack = 6, ModEx = 7;

    /// <summary>What a message of pictures holds; empty for what is no picture or not understood.</summary>
    public static List<FlvPart> Pictures(ReadOnlySpan<byte> body)
    {
        var parts = new List<FlvPart>(1);
        if (body.Length < 2)
        {
            return parts;
        }

        if ((body[0] & 0x80) != 0)
        {
            if (((body[0] >> 4) & 7) != Command)
            {
                Enhanced(body, PictureMultitrack, ((body[0] >> 4) & 7) == KeyFrame, PictureCodec, parts);
            }

            return parts;
        }

        var (kind, codec) = (body[0] >> 4, LegacyPicture(body[0] & 0xf));
        if (kind == Command || codec == AVCodecID.AV_CODEC_ID_NONE)
        {
            return parts;
        }

        if (codec == AVCodecID.AV_CODEC_ID_H264 || codec == CodecIds.Hevc || codec == CodecIds.Av1)
        {
            if (body.Length > 5 && body[1] is 0 or 1)
            {
                parts.Add(new FlvPart(0, codec, body[1] == 0, kind == KeyFrame, body[1] == 0 ? 0 : Int24(body[2..]), 5..));
            }

            return parts;
        }

        // On2's have a byte about their size, which decoders want as a header.
        var isOn2 = codec is AVCodecID.AV_CODEC_ID_VP6F or AVCodecID.AV_CODEC_ID_VP6A;
        if (isOn2)
        {
            parts.Add(new FlvPart(0, codec, true, false, 0, 1..2));
        }

        parts.Add(new FlvPart(0, codec, false, kind == KeyFrame, 0, isOn2 ? 2.. : 1..));
        return parts;
    }

    /// <summary>What a message of sound holds; empty for what is not understood.</summary>
    public static List<FlvPart> Sound(ReadOnlySpan<byte> body)
    {
        const int Extended = 9, Aac = 10;
        var parts = new List<FlvPart>(1);
        if (body.Length < 2)
        {
            return parts;
        }

        var format = body[0] >> 4;
        if (format == Extended)
        {
            Enhanced(body, SoundMultitrack, isKey: true, SoundCodec, parts);
        }
        else if (format == Aac)
        {
            if (body.Length > 2 && body[1] is 0 or 1)
            {
                parts.Add(new FlvPart(0, AVCodecID.AV_CODEC_ID_AAC, body[1] == 0, true, 0, 2..));
            }
        }
        else if (LegacySound(body[0]) is var codec and not AVCodecID.AV_CODEC_ID_NONE)
        {
            parts.Add(new FlvPart(0, codec, false, true, 0, 1..));
        }

        return parts;
    }

    /// <summary>Samples a second and channels that a message of sound says it has, where its codec does not.</summary>
    public static (int Rate, int Channels) SoundShape(byte first) => (first >> 4) switch
    {
        4 or 11 => (16000, 1),
        5 or 7 or 8 or 14 => (8000, (first & 1) + 1),
        9 => (48000, 2),
        _ => ((44100 << ((first >> 2) & 3)) >> 3, (first & 1) + 1),
    };

    private static void Enhanced(ReadOnlySpan<byte> body, int multitrack, bool isKey, Func<uint, AVCodecID> codecOf, List<FlvPart> parts)
    {
        const int OneTrack = 0, ManyTracksManyCodecs = 2;
        var (type, at) = (body[0] & 0xf, 1);
        while (type == ModEx && at < body.Length)
        {
            var size = body[at++] + 1;
            if (size == 256 && at + 2 <= body.Length)
            {
                size = BinaryPrimitives.ReadUInt16BigEndian(body[at..]) + 1;
                at += 2;
            }

            at += size;
            type = at < body.Length ? body[at++] & 0xf : type;
        }

        var tracks = -1;
        if (type == multitrack && at < body.Length)
        {
            (tracks, type) = (body[at] >> 4, body[at] & 0xf);
            at++;
        }

        uint name = 0;
        if (tracks != ManyTracksManyCodecs && !Take(body, ref at, 4, out name))
        {
            return;
        }

        while (at < body.Length)
        {
            uint number = 0, length = (uint)(body.Length - at);
            if (tracks >= 0)
            {
                if ((tracks == ManyTracksManyCodecs && !Take(body, ref at, 4, out name)) || !Take(body, ref at, 1, out number)
                    || (tracks != OneTrack && !Take(body, ref at, 3, out length)))
                {
                    return;
                }

                length = tracks == OneTrack ? (uint)(body.Length - at) : length;
            }

            if (length > body.Length - at)
            {
                return;
            }

            Add(body, type, (int)number, codecOf(name), isKey, at, (int)length, parts);
            at += (int)length;
        }
    }

    private static void Add(
        ReadOnlySpan<byte> body, int type, int track, AVCodecID codec, bool isKey, int at, int length, List<FlvPart> parts)
    {
        if (codec == AVCodecID.AV_CODEC_ID_NONE || length == 0 || type is not (SequenceStart or CodedFrames or CodedFramesX))
        {
            return;
        }

        var end = at + length;
        var shift = 0;
        if (type == CodedFrames && (codec == AVCodecID.AV_CODEC_ID_H264 || codec == CodecIds.Hevc))
        {
            if (type == CodedFrames && length > 3)
            {
                shift = Int24(body[at..]);
                at += 3;
            }
        }

        parts.Add(new FlvPart(track, codec, type == SequenceStart, isKey, shift, at..end));
    }

    private static bool Take(ReadOnlySpan<byte> body, ref int at, int count, out uint value)
    {
        value = 0;
        if (at + count > body.Length)
        {
            return false;
        }

        foreach (var part in body.Slice(at, count))
        {
            value = (value << 8) | part;
        }

        at += count;
        return true;
    }

    private static int Int24(ReadOnlySpan<byte> bytes) => ((sbyte)bytes[0] << 16) | (bytes[1] << 8) | bytes[2];

    private static uint Name(string letters) =>
        ((uint)letters[0] << 24) | ((uint)letters[1] << 16) | ((uint)letters[2] << 8) | letters[3];

    private static AVCodecID PictureCodec(uint name) =>
        name == Name("avc1") ? AVCodecID.AV_CODEC_ID_H264
        : name == Name("hvc1") ? CodecIds.Hevc
        : name == Name("av01") ? CodecIds.Av1
        : name == Name("vp08") ? AVCodecID.AV_CODEC_ID_VP8
        : name == Name("vp09") ? CodecIds.Vp9
        : AVCodecID.AV_CODEC_ID_NONE;

    private static AVCodecID SoundCodec(uint name) =>
        name == Name("mp4a") ? AVCodecID.AV_CODEC_ID_AAC
        : name == Name("Opus") ? AVCodecID.AV_CODEC_ID_OPUS
        : name == Name("fLaC") ? AVCodecID.AV_CODEC_ID_FLAC
        : name == Name("ac-3") ? AVCodecID.AV_CODEC_ID_AC3
        : name == Name("ec-3") ? AVCodecID.AV_CODEC_ID_EAC3
        : name == Name(".mp3") ? AVCodecID.AV_CODEC_ID_MP3
        : AVCodecID.AV_CODEC_ID_NONE;

    // 12 and 13 are in no specification and in use.
    private static AVCodecID LegacyPicture(int number) => number switch
    {
        2 => AVCodecID.AV_CODEC_ID_FLV1,
        3 => AVCodecID.AV_CODEC_ID_FLASHSV,
        4 => AVCodecID.AV_CODEC_ID_VP6F,
        5 => AVCodecID.AV_CODEC_ID_VP6A,
        6 => AVCodecID.AV_CODEC_ID_FLASHSV2,
        7 => AVCodecID.AV_CODEC_ID_H264,
        12 => CodecIds.Hevc,
        13 => CodecIds.Av1,
        _ => AVCodecID.AV_CODEC_ID_NONE,
    };

    private static AVCodecID LegacySound(byte first) => (first >> 4) switch
    {
        0 or 3 => (first & 2) != 0 ? AVCodecID.AV_CODEC_ID_PCM_S16LE : AVCodecID.AV_CODEC_ID_PCM_U8,
        1 => AVCodecID.AV_CODEC_ID_ADPCM_SWF,
        2 or 14 => AVCodecID.AV_CODEC_ID_MP3,
        4 or 5 or 6 => AVCodecID.AV_CODEC_ID_NELLYMOSER,
        7 => AVCodecID.AV_CODEC_ID_PCM_ALAW,
        8 => AVCodecID.AV_CODEC_ID_PCM_MULAW,
        11 => AVCodecID.AV_CODEC_ID_SPEEX,
        _ => AVCodecID.AV_CODEC_ID_NONE,
    };
}
