namespace StreamDiff.Models.Registry;

/// <summary>A model's description comes from anywhere: its paths must not lead out of its own folder.</summary>
internal static class RelativePath
{
    public static bool IsInside(string path) =>
        path.Length > 0 && !Path.IsPathRooted(path) && !path.Contains('\\', StringComparison.Ordinal)
        && !path.Contains('\0', StringComparison.Ordinal)
        && path.Split('/').All(part => part is not ("" or "." or ".."));
}
