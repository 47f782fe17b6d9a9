using FFmpeg.AutoGen;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>The messages of Enhanced RTMP that a clip makes: FFmpeg 5 knows none of them.</summary>
internal static unsafe class EnhancedRtmp
{
    private static ReadOnlySpan<byte> OneTrackOfMany => [0x00];

    /// <summary>The first track of pictures or sound of a clip that ffmpeg makes.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="arguments">For ffmpeg.</param>
    /// <param name="letters">The codec's four letters.</param>
    /// <param name="track">Its number; null for the only one.</param>
    public static List<FlvTag> Make(TempFolder folder, string arguments, string letters, int? track = null)
    {
        var file = folder.File($"{Guid.NewGuid():N}.mkv");
        CommandLine.Run("ffmpeg", ["-v", "error", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), file]);
        using var input = InputFile.Open(new VideoSourceOptions { Input = file }, new LiveInput(new(file, "matroska",
            new Dictionary<string, string>())), CancellationToken.None);
        var tags = new List<FlvTag>();
        var packet = ffmpeg.av_packet_alloc();
        while (input.Read(packet, CancellationToken.None) >= 0)
        {
            var stream = input.StreamOf(packet);
            var isSound = stream->codecpar->codec_type == AVMediaType.AVMEDIA_TYPE_AUDIO;
            if (tags.Count == 0)
            {
                tags.Add(Tag(isSound, 0, true, 0, [], Bytes(stream->codecpar->extradata, stream->codecpar->extradata_size)));
            }

            // Matroska knows when pictures are shown; FLV wants to know when they are decoded, and the difference.
            var dts = packet->dts == ffmpeg.AV_NOPTS_VALUE ? packet->pts : packet->dts;
            var shift = (int)(packet->pts - dts);
            byte[] between = letters is "hvc1" or "avc1" ? [(byte)(shift >> 16), (byte)(shift >> 8), (byte)shift] : [];
            var isKey = (packet->flags & ffmpeg.AV_PKT_FLAG_KEY) != 0;
            tags.Add(Tag(isSound, 1, isKey, Math.Max(0, (int)dts), between, Bytes(packet->data, packet->size)));
            ffmpeg.av_packet_unref(packet);
        }

        ffmpeg.av_packet_free(&packet);
        return tags;

        FlvTag Tag(bool isSound, int type, bool isKey, int time, byte[] between, byte[] data)
        {
            var kind = isSound ? 0x90 : 0x80 | ((isKey ? 1 : 2) << 4);
            var name = System.Text.Encoding.ASCII.GetBytes(letters);
            byte[] head = track is { } number
                ? [(byte)(kind | (isSound ? 5 : 6)), (byte)(OneTrackOfMany[0] | type), .. name, (byte)number]
                : [(byte)(kind | type), .. name];
            return new FlvTag(isSound ? (byte)8 : (byte)9, time, [.. head, .. between, .. data]);
        }
    }

    private static byte[] Bytes(byte* data, int size) => new ReadOnlySpan<byte>(data, size).ToArray();
}
