namespace FFmpeg.AutoGen;

// Static inline functions of libavutil/rational.h: headers hold them, libraries do not.
public static unsafe partial class ffmpeg
{
    public static double av_q2d(AVRational a) => a.num / (double)a.den;

    public static AVRational av_make_q(int num, int den) => new() { num = num, den = den };

    public static AVRational av_inv_q(AVRational q) => new() { num = q.den, den = q.num };
}
