using System.Globalization;
using StreamDiff.Models.Files;

namespace StreamDiff.Pipeline.Control;

/// <summary>When a change is due: at a time, a frame or a chunk of the stream. Exactly one of them is given.</summary>
/// <param name="Time">Since the first frame.</param>
/// <param name="Frame">From 0.</param>
/// <param name="Chunk">From 0.</param>
public readonly record struct TimelinePoint(TimeSpan? Time = null, long? Frame = null, long? Chunk = null)
{
    /// <summary>True for the chunk that holds the point, and for every later one.</summary>
    public bool IsReached(in ChunkSpan span) => this switch
    {
        { Chunk: { } chunk } => chunk <= span.Chunk,
        { Frame: { } frame } => frame <= span.LastFrame,
        _ => Time < span.End,
    };

    public override string ToString() => this switch
    {
        { Chunk: { } chunk } => $"chunk {chunk}",
        { Frame: { } frame } => $"frame {frame}",
        _ => (Time ?? default).ToString("c", CultureInfo.InvariantCulture),
    };
}

/// <summary>A change and when it is due.</summary>
public sealed record TimelineEntry(TimelinePoint At, ControlChange Change);

/// <summary>
/// Changes that are known before a stream begins. Text form: <c>at 00:12 prompt "..." blend 8</c>, <c>at frame 120 noise 0.4</c>; # begins
/// a comment.
/// </summary>
/// <param name="Entries">Entries whose time comes are taken in this order.</param>
public sealed record Timeline(IReadOnlyList<TimelineEntry> Entries)
{
    /// <summary>Most bytes of a timeline file.</summary>
    public const int LargestFile = 16 << 20;

    public static Timeline Empty { get; } = new([]);

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problems">Everything that is wrong with it, a line each: file, line, reason.</param>
    public static Timeline Read(string path, IList<string> problems)
    {
        try
        {
            if (Directory.Exists(path))
                problems.Add($"timeline {path} is a folder, not a file");
            else if (!File.Exists(path))
                problems.Add($"timeline {path} does not exist");
            else if (new FileInfo(path).Length > LargestFile)
                problems.Add($"timeline {path} is larger than {LargestFile >> 20} MiB: that is no timeline");
            else
                return ReadText(path, problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            problems.Add($"timeline {path} cannot be read: {e.Message}");
        }
        return Empty;
    }

    // A file of another kind is one mistake, not one in each of its lines.
    private static Timeline ReadText(string path, IList<string> problems)
    {
        var wrong = new List<string>();
        var timeline = Parse(BoundedFile.ReadText(path, LargestFile).ReplaceLineEndings("\n").Split('\n'), path, wrong);
        if (timeline.Entries.Count == 0 && wrong.Count > 1)
            wrong = [$"timeline {path} has no line that is understood, the first of them: {wrong[0]}"];
        foreach (var problem in wrong)
            problems.Add(problem);
        return timeline;
    }

    /// <summary>Reads lines.</summary>
    /// <param name="lines">The text.</param>
    /// <param name="name">Its name in messages.</param>
    /// <param name="problems">Everything that is wrong with it.</param>
    public static Timeline Parse(IEnumerable<string> lines, string name, IList<string> problems)
    {
        var entries = new List<TimelineEntry>();
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            try
            {
                if (ParseLine(line) is { } entry)
                    entries.Add(entry);
            }
            catch (FormatException e)
            {
                problems.Add($"{name}:{number} {e.Message}");
            }
        }
        return new Timeline(entries);
    }

    /// <summary>Reads a line; null for an empty one or a comment.</summary>
    /// <exception cref="FormatException">It is not understood.</exception>
    public static TimelineEntry? ParseLine(string line)
    {
        if (line.Length > ControlLine.LongestLine + 64)
            throw new FormatException($"the line has {line.Length} characters, which is too long");
        var words = new ControlWords(line);
        if (words.IsAtEnd)
            return null;
        if (!words.TryTake("at"))
            throw new FormatException($"a line begins with 'at' and a time, such as at 00:12 noise 0.4, not with '{words.Word("at")}'");
        var at = Point(words);
        return ControlLine.Parse(words) is ControlCommand.Change change
            ? new TimelineEntry(at, change.Value)
            : throw new FormatException("help and quit have no place in a timeline");
    }

    private static TimelinePoint Point(ControlWords words)
    {
        if (words.TryTake("frame"))
            return new TimelinePoint(Frame: words.Whole("frame", 0, long.MaxValue));
        if (words.TryTake("chunk"))
            return new TimelinePoint(Chunk: words.Whole("chunk", 0, long.MaxValue));
        var word = words.Word("a time");
        return new TimelinePoint(
            Time: ParseTime(word) ?? throw new FormatException($"'{word}' is no time: write 12, 12.5, 00:12 or 1:02:03.5, or frame N"));
    }

    // [[hours:]minutes:]seconds[.fraction]
    private static TimeSpan? ParseTime(string text)
    {
        var parts = text.Split(':');
        if (parts.Length > 3 || !double.TryParse(parts[^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || !double.IsFinite(seconds))
            return null;
        var total = 0L;
        foreach (var part in parts[..^1])
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value > 100_000)
                return null;
            total = 60 * total + value;
        }
        if (seconds > 1e9 || (parts.Length > 1 && seconds >= 60))
            return null;
        return TimeSpan.FromSeconds(60 * total) + TimeSpan.FromSeconds(seconds);
    }
}
