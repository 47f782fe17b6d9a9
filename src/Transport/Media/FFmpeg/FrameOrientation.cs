using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>How a stored picture must be turned to stand upright, from its display matrix.</summary>
/// <param name="ClockwiseDegrees">0, 90, 180 or 270; other angles are not used by cameras and count as the nearest of these.</param>
/// <param name="Filter">libavfilter's words for it, empty when nothing is to be done.</param>
internal readonly record struct FrameOrientation(int ClockwiseDegrees, string Filter)
{
    /// <summary>As it is.</summary>
    public static FrameOrientation Upright { get; } = new(0, "");

    /// <summary>True when width and height change places.</summary>
    public bool SwapsSides => ClockwiseDegrees is 90 or 270;

    /// <summary>Reads a 3x3 display matrix, of which the upper left 2x2 part [a b; c d] turns and mirrors.</summary>
    public static FrameOrientation FromMatrix(ReadOnlySpan<int> matrix)
    {
        var (a, b, c, d) = (matrix[0], matrix[1], matrix[3], matrix[4]);
        if (Math.Abs((long)a) + Math.Abs((long)d) >= Math.Abs((long)b) + Math.Abs((long)c))
        {
            return (a >= 0, d >= 0) switch
            {
                (true, true) => Upright,
                (false, false) => new FrameOrientation(180, "hflip,vflip"),
                (false, true) => new FrameOrientation(0, "hflip"),
                (true, false) => new FrameOrientation(0, "vflip"),
            };
        }

        return (b >= 0, c >= 0) switch
        {
            (true, false) => new FrameOrientation(90, "transpose=clock"),
            (false, true) => new FrameOrientation(270, "transpose=cclock"),
            (true, true) => new FrameOrientation(90, "transpose=cclock_flip"),
            (false, false) => new FrameOrientation(270, "transpose=clock_flip"),
        };
    }

    /// <summary>The orientation that a stream's header gives.</summary>
    public static unsafe FrameOrientation Of(AVStream* stream)
    {
        ulong size;
        var data = ffmpeg.av_stream_get_side_data(stream, AVPacketSideDataType.AV_PKT_DATA_DISPLAYMATRIX, &size);
        return data is not null && size >= 9 * sizeof(int) ? FromMatrix(new ReadOnlySpan<int>(data, 9)) : Upright;
    }
}
