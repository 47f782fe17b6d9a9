namespace StreamDiff.Pipeline.Verification;

internal static class TextCases
{
    public static void Umt5(GoldenCase golden, Comparison compare) => throw new InvalidOperationException();
}
