namespace StreamDiff.Pipeline.Verification;

/// <summary>How one golden case came out.</summary>
/// <param name="Folder">The case's folder.</param>
/// <param name="Kind">What it checks.</param>
/// <param name="MaxAbsoluteError">Largest |error| of all values.</param>
/// <param name="MaxRelativeError">Largest |error| / max(|expected|, 1).</param>
/// <param name="Passed">True when every value lies within tolerance and every integer is exact.</param>
/// <param name="Detail">What failed first.</param>
public sealed record CaseResult(string Folder, string Kind, double MaxAbsoluteError, double MaxRelativeError, bool Passed, string? Detail);
