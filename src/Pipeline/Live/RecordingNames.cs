namespace StreamDiff.Pipeline.Live;

/// <summary>Names for recordings: never that of a file that exists, because it may be what last night's stream left.</summary>
internal static class RecordingNames
{
    private const int Most = 1_000_000;

    /// <summary>The name itself for one whole recording, or its first free numbered form: show-0001.mp4.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="isNumbered">True for segments.</param>
    public static string Next(string path, bool isNumbered)
    {
        if (!isNumbered && !File.Exists(path))
            return path;
        var stem = Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path));
        for (var number = 1; number < Most; number++)
        {
            var name = $"{stem}-{number:0000}{Path.GetExtension(path)}";
            if (!File.Exists(name))
                return name;
        }
        throw new Transport.Media.MediaException($"Output '{path}': all numbers up to {Most} are taken; move the old recordings away.");
    }
}
