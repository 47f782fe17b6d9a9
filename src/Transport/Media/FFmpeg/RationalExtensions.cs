using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

internal static class RationalExtensions
{
    public static Rational ToRational(this AVRational value) => new(value.num, value.den);

    public static AVRational ToNative(this Rational value) => new() { num = value.Numerator, den = value.Denominator };
}
