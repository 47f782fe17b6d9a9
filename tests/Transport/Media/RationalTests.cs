using StreamDiff.Transport.Media;

namespace StreamDiff.Transport.Tests.Media;

public sealed class RationalTests
{
    [Theory]
    [InlineData("30", 30, 1)]
    [InlineData("29.97", 30000, 1001)]
    [InlineData("23.976", 24000, 1001)]
    [InlineData("59.94", 60000, 1001)]
    [InlineData("12.5", 25, 2)]
    [InlineData("30000/1001", 30000, 1001)]
    public void Parse_UsualRates_GivesTheExactFraction(string text, int numerator, int denominator) =>
        Assert.Equal(new Rational(numerator, denominator), Rational.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("30/0")]
    [InlineData("fast")]
    [InlineData("1/2/3")]
    public void Parse_NoRate_Throws(string text) => Assert.Throws<FormatException>(() => Rational.Parse(text));

    [Theory]
    [InlineData(1, 3)]
    [InlineData(-1, -3)]
    [InlineData(1001, 3000)]
    [InlineData(1_001_000_000_000, 3_000_000_000_000)]
    public void Rescale_MillisecondsToTicks_RoundsToTheNearest(long milliseconds, long expected) =>
        Assert.Equal(expected, new Rational(1, 1000).Rescale(milliseconds, new Rational(1001, 3_000_000)));
}
