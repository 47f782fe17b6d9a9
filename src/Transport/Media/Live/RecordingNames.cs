using StreamDiff.Transport.Files;

namespace StreamDiff.Transport.Media.Live;

/// <summary>Names for recordings: never that of a file that exists, because it may be what last night's stream left.</summary>
public static class RecordingNames
{
    private const int Most = 1_000_000;

    /// <summary>
    /// Takes the name itself for one whole recording, or its first free numbered form: show-0001.mp4. An empty file of that name is made,
    /// so that nobody else takes it.
    /// </summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="isNumbered">True for segments.</param>
    /// <exception cref="MediaException">No name is free, or the folder takes no file.</exception>
    public static string Next(string path, bool isNumbered)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!isNumbered && Take(path))
        {
            return path;
        }

        for (var number = 1; number < Most; number++)
        {
            var name = NumberedName.Of(path, number);
            if (Take(name))
            {
                return name;
            }
        }

        throw new MediaException($"Output '{path}': all numbers up to {Most} are taken; move the old recordings away.");
    }

    /// <summary>
    /// Gives a file that is there the first free numbered form of its name, so that its name can be used again.
    /// </summary>
    /// <param name="path">As the user wrote it.</param>
    /// <returns>Its new name; null where there is no file.</returns>
    /// <exception cref="MediaException">No name is free, or the folder takes no file.</exception>
    /// <exception cref="IOException">It cannot be renamed.</exception>
    public static string? SetAside(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var name = Next(path, isNumbered: true);
        File.Move(path, name, overwrite: true);
        return name;
    }

    // False where there is something of that name, be it a link that leads nowhere.
    private static bool Take(string name)
    {
        try
        {
            using var file = new FileStream(name, FileMode.CreateNew, FileAccess.Write);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new FileInfo(name) is { Exists: false, LinkTarget: null } && !Directory.Exists(name)
                ? throw new MediaException($"Output '{name}' cannot be written: {error.Message.TrimEnd('.')}.", error)
                : false;
        }
    }
}
