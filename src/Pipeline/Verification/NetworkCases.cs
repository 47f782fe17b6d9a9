namespace StreamDiff.Pipeline.Verification;

internal static class NetworkCases
{
    public static void Umt5(GoldenCase golden, Comparison compare) => throw new InvalidOperationException();
    public static void WanVae(GoldenCase golden, Comparison compare) => throw new InvalidOperationException();
    public static void Taehv(GoldenCase golden, Comparison compare) => throw new InvalidOperationException();
}
