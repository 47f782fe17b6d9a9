using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The display matrix that phones write instead of turning the picture.</summary>
internal static unsafe class Rotation
{
    /// <summary>Clockwise quarter turns that put the picture upright, 0 to 3.</summary>
    public static int QuarterTurns(AVStream* stream)
    {
        ulong size;
        var data = av_stream_get_side_data(stream, AVPacketSideDataType.AV_PKT_DATA_DISPLAYMATRIX, &size);
        if (data == null || size < 9 * sizeof(int))
            return 0;
        var matrix = *(int_array9*)data;
        var angle = av_display_rotation_get(ref matrix);
        // The matrix tells how far the picture is turned counter-clockwise.
        return double.IsNaN(angle) ? 0 : (int)((Math.Round(-angle / 90) % 4 + 4) % 4);
    }
}
