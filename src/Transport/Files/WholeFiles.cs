namespace StreamDiff.Transport.Files;

/// <summary>
/// Writes files that belong together as <see cref="WholeFile"/> does one: none takes its name before all of them are on the disk.
/// </summary>
public sealed class WholeFiles : IDisposable
{
    private readonly Queue<(string Path, string Draft, string Target)> _drafts = new();

    /// <summary>Writes a file beside its place.</summary>
    /// <exception cref="IOException">It cannot be written, or there is something else of that name; one line with both.</exception>
    public void Add(string path, ReadOnlySpan<byte> content)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!WholeFile.IsReplaced(path))
        {
            throw new IOException($"{path} cannot be written: what has that name is no file");
        }

        var (draft, target) = WholeFile.Begin(path, content, isPrivate: false);
        _drafts.Enqueue((path, draft, target));
    }

    /// <summary>All take their names.</summary>
    /// <exception cref="IOException">One of them cannot; one line with the file and the reason.</exception>
    public void Take()
    {
        while (_drafts.TryDequeue(out var next))
        {
            WholeFile.End(next.Path, next.Draft, next.Target);
        }
    }

    /// <summary>What has not taken its name is gone.</summary>
    public void Dispose()
    {
        while (_drafts.TryDequeue(out var next))
        {
            File.Delete(next.Draft);
        }
    }
}
