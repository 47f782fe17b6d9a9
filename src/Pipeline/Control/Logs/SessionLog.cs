using System.Collections.Immutable;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>A chunk as it was in a session.</summary>
/// <param name="Chunk">Number of the chunk, from 0.</param>
/// <param name="Sources">Number of each of its real frames in the source, from 0.</param>
/// <param name="Digest">Of the frames that came out; see <see cref="FrameDigest"/>.</param>
public sealed record LoggedChunk(long Chunk, ImmutableArray<long> Sources, UInt128 Digest);

/// <summary>A step of a chunk, as a row of a tick.</summary>
/// <param name="Chunk">Number of the chunk, from 0.</param>
/// <param name="Step">Its denoising step, from 0.</param>
public readonly record struct LoggedRow(long Chunk, int Step);

/// <summary>The end of a session.</summary>
/// <param name="Chunks">Chunks that came out.</param>
/// <param name="Frames">Frames that came out.</param>
/// <param name="Cancelled">True when somebody stopped it before its input had ended.</param>
public sealed record LoggedEnd(long Chunks, long Frames, bool Cancelled);

/// <summary>What a session was and did. Seed, settings, changes and the same input give the same output.</summary>
/// <param name="Header">Everything it began with.</param>
/// <param name="Changes">Every change with its chunk, in the order in which they took effect.</param>
/// <param name="Chunks">Every chunk that came out.</param>
/// <param name="Ticks">Which rows of the session each pass of the transformer took, in the order in which they were issued.</param>
/// <param name="End">Null where the session ended without saying so: a crash, or it still runs.</param>
/// <param name="Warning">What is wrong with the file's end, in one line; null where nothing is.</param>
public sealed record SessionLog(
    SessionLogHeader Header, IReadOnlyList<AppliedChange> Changes, IReadOnlyList<LoggedChunk> Chunks,
    IReadOnlyList<IReadOnlyList<LoggedRow>> Ticks,
    LoggedEnd? End, string? Warning)
{
    /// <summary>The format that this program writes and reads.</summary>
    public const int Version = 2;

    /// <summary>Most bytes of a log: a day of 30 frames a second has about 40 MB.</summary>
    public const long LargestFile = 512L << 20;

    /// <summary>Most characters of a text in a log.</summary>
    public const int LongestText = 1 << 16;

    /// <summary>Most frames of a chunk in a log.</summary>
    public const int MostFrames = 1024;

    /// <summary>Most rows of a tick in a log.</summary>
    public const int MostRows = 1024;

    /// <summary>The changes as a timeline by chunk.</summary>
    public Timeline ToTimeline() => new([.. Changes.Select(c => new TimelineEntry(new TimelinePoint(Chunk: c.Chunk), c.Change))]);

    // Header and changes of what never gave a picture.
    private const long LargestEmpty = 1 << 20;

    /// <summary>
    /// True where there is a file with which something would be lost: a log with a chunk, or what is no log of this version.
    /// </summary>
    internal static bool HoldsTake(string path)
    {
        // Devices and pipes have no length.
        var length = File.Exists(path) ? new FileInfo(path).Length : 0;
        try
        {
            return length > LargestEmpty || (length > 0 && Read(path).Chunks.Count > 0);
        }
        catch (ControlException)
        {
            return true;
        }
    }

    /// <summary>Reads a log.</summary>
    /// <exception cref="ControlException">The file cannot be read or is no log of this version.</exception>
    public static SessionLog Read(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new ControlException($"session log {path} is a folder, not a file");
            if (!File.Exists(path))
                throw new ControlException($"session log {path} does not exist");
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (file.Length > LargestFile)
                throw new ControlException($"session log {path} is larger than {LargestFile >> 20} MiB: it is no log, or too long a one");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return SessionLogReader.Read(bytes, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ControlException($"session log {path} cannot be read: {e.Message}", e);
        }
    }
}
