namespace StreamDiff.Transport.Files;

/// <summary>Numbered forms of a file's name: show-0001.mp4 of show.mp4.</summary>
internal static class NumberedName
{
    private const int FewestDigits = 4;

    /// <summary>The form with a number, in the same folder.</summary>
    public static string Of(string path, int number)
    {
        var stem = Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path));
        return $"{stem}-{number.ToString($"D{FewestDigits}")}{Path.GetExtension(path)}";
    }

    /// <summary>True when a file name is a numbered form of another in the same folder.</summary>
    public static bool IsNumbered(string file, string name)
    {
        var (stem, extension) = (Path.GetFileNameWithoutExtension(file) + "-", Path.GetExtension(file));
        return name.StartsWith(stem, StringComparison.Ordinal) && name.EndsWith(extension, StringComparison.Ordinal)
            && name.Length >= stem.Length + FewestDigits + extension.Length
            && name.AsSpan()[stem.Length..^extension.Length].IndexOfAnyExceptInRange('0', '9') < 0;
    }
}
