namespace StreamDiff.Transport.Files;

/// <summary>What is done with a file.</summary>
public enum FileUseKind
{
    /// <summary>It is read, at any time of the work.</summary>
    Read,

    /// <summary>It is written; what was there is replaced.</summary>
    Write,

    /// <summary>It is recorded to: a name that is taken gets a number instead, as in show-0001.mp4.</summary>
    Record,

    /// <summary>It is recorded to in numbered pieces.</summary>
    RecordSegments,

    /// <summary>It is a folder that files are put into; it is made when it is missing.</summary>
    Fill,
}

/// <summary>A file that a command is going to use.</summary>
/// <param name="Kind">What is done with it.</param>
/// <param name="What">The user's word for it, such as "output" or "contact-sheet".</param>
/// <param name="Path">As the user wrote it.</param>
public sealed record FileUse(FileUseKind Kind, string What, string Path)
{
    /// <summary>Whose it is where several work at once, such as "session two"; empty (the default) otherwise.</summary>
    public string Owner { get; init; } = "";

    /// <summary>True where the folders on the way to a written file are made when they are missing.</summary>
    public bool MakesFolders { get; init; }

    internal bool IsWritten => Kind != FileUseKind.Read;

    internal bool IsRecorded => Kind is FileUseKind.Record or FileUseKind.RecordSegments;

    internal string Shown => $"{What} {Path}{(Owner.Length > 0 ? $" of {Owner}" : "")}";

    public static FileUse Read(string what, string path) => new(FileUseKind.Read, what, path);

    /// <summary>Reads of the files that have a name.</summary>
    public static IEnumerable<FileUse> Reads(params (string What, string? Path)[] files) =>
        files.Where(f => f.Path is { Length: > 0 }).Select(f => Read(f.What, f.Path!));

    /// <summary>Writes of the files that are wanted; an empty name stays, as a mistake that is told of.</summary>
    public static IEnumerable<FileUse> Writes(params (string What, string? Path)[] files) =>
        files.Where(f => f.Path is not null).Select(f => Write(f.What, f.Path!));

    public static FileUse Write(string what, string path) => new(FileUseKind.Write, what, path);
}
