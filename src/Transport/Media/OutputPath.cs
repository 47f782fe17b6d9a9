namespace StreamDiff.Transport.Media;

/// <summary>Finds, before any work is done, the reasons for which a file cannot be written.</summary>
internal static class OutputPath
{
    public static void ThrowIfUnusable(string output, string? input)
    {
        if (string.IsNullOrWhiteSpace(output))
        {
            throw new MediaException("No output was given: name a file such as out.mp4, or null: to write nothing.");
        }

        if (Directory.Exists(output))
        {
            throw new MediaException($"Output '{output}' is a directory: name a file in it, such as {Path.Combine(output, "out.mp4")}.");
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(output));
        if (folder is not null && !Directory.Exists(folder))
        {
            throw new MediaException($"Output '{output}' cannot be written: the directory '{folder}' does not exist; create it first.");
        }

        if (input is not null && string.Equals(Real(input), Real(output), StringComparison.Ordinal))
        {
            throw new MediaException($"Output '{output}' is the input file itself: choose another name.");
        }
    }

    // Two names of one file count as equal when links lead from one to the other.
    private static string Real(string path)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full);
        var realFolder = folder is null ? "/" : new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder;
        var file = new FileInfo(Path.Combine(realFolder, Path.GetFileName(full)));
        return file.Exists ? file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file.FullName : file.FullName;
    }
}
