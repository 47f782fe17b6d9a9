namespace StreamDiff.Models.Files;

/// <summary>Length of a file by its name: of what a symbolic link leads to, as in every cache of Hugging Face, not of the link.</summary>
public static class FileLength
{
    /// <summary>Bytes; null where there is no such file, or a link leads nowhere.</summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static long? Of(string path)
    {
        FileSystemInfo file = new FileInfo(path);
        if (file.LinkTarget is not null)
            file = file.ResolveLinkTarget(returnFinalTarget: true) ?? file;
        return file is FileInfo { Exists: true, Length: var length } ? length : null;
    }
}
