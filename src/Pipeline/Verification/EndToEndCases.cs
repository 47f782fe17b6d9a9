namespace StreamDiff.Pipeline.Verification;

internal static class EndToEndCases
{
    public static void EndToEnd(GoldenCase golden, Comparison compare) => throw new InvalidOperationException();
}
