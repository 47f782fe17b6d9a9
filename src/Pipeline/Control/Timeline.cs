using System.Globalization;
using StreamDiff.Models.Files;

namespace StreamDiff.Pipeline.Control;

/// <summary>When a change is due: at a time, a frame, a chunk or a beat of the stream. Exactly one of them is given.</summary>
/// <param name="Time">Since the first frame.</param>
/// <param name="Frame">From 0.</param>
/// <param name="Chunk">From 0.</param>
public readonly record struct TimelinePoint(TimeSpan? Time = null, long? Frame = null, long? Chunk = null)
{
    /// <summary>Since the first frame, in the tempo that there is.</summary>
    public double? Beat { get; init; }

    /// <summary>True for the chunk that holds the point, and for every later one.</summary>
    public bool IsReached(in ChunkSpan span) => this switch
    {
        { Beat: { } beat } => beat < span.EndBeat - 1e-9,
        { Chunk: { } chunk } => chunk <= span.Chunk,
        { Frame: { } frame } => frame <= span.LastFrame,
        _ => Time < span.End,
    };

    /// <summary>What it counts.</summary>
    internal LengthUnit Unit => this switch
    {
        { Beat: not null } => LengthUnit.Beats,
        { Chunk: not null } => LengthUnit.Chunks,
        { Frame: not null } => LengthUnit.Frames,
        _ => LengthUnit.Seconds,
    };

    /// <summary>How far it is from the beginning, counted in that.</summary>
    internal double Position => Beat ?? Chunk ?? Frame ?? (Time ?? default).TotalSeconds;

    /// <summary>So much later, counted in the same.</summary>
    internal TimelinePoint Later(double value) => this switch
    {
        { Beat: { } beat } => this with { Beat = beat + value },
        { Chunk: { } chunk } => this with { Chunk = chunk + (long)value },
        { Frame: { } frame } => this with { Frame = frame + (long)value },
        _ => this with { Time = Time + TimeSpan.FromSeconds(value) },
    };

    /// <summary>The beginning of a stream, counted in a unit.</summary>
    internal static TimelinePoint Zero(LengthUnit unit) => unit switch
    {
        LengthUnit.Beats => new() { Beat = 0 },
        LengthUnit.Chunks => new(Chunk: 0),
        LengthUnit.Frames => new(Frame: 0),
        _ => new(Time: TimeSpan.Zero),
    };

    public override string ToString() => this switch
    {
        { Beat: { } beat } => string.Create(CultureInfo.InvariantCulture, $"beat {beat}"),
        { Chunk: { } chunk } => $"chunk {chunk}",
        { Frame: { } frame } => $"frame {frame}",
        _ => (Time ?? default).ToString("c", CultureInfo.InvariantCulture),
    };
}

/// <summary>A change and when it is due.</summary>
public sealed record TimelineEntry(TimelinePoint At, ControlChange Change)
{
    /// <summary>It is due again and again, so much later each time, counted as <see cref="At"/> is; null for once.</summary>
    public double? Every { get; init; }

    /// <summary>It is not due any more from here on, counted as <see cref="At"/> is; null for ever.</summary>
    public TimelinePoint? Until { get; init; }

    /// <summary>When it is due after a chunk in which it was; null for never.</summary>
    internal TimelineEntry? After(in ChunkSpan span)
    {
        if (Every is not { } period)
            return null;
        var next = this;
        do
            next = next with { At = next.At.Later(period) };
        while (next.At.IsReached(span));
        return Until is { } until && next.At.Position >= until.Position ? null : next;
    }

    /// <summary>As a line of a timeline file.</summary>
    public override string ToString() => Every is not { } period ? $"at {At} {Change}"
        : $"every {new ControlLength(period, At.Unit)}{(At.Unit == LengthUnit.Chunks ? "chunks" : "")} from {At}"
            + $"{(Until is { } until ? $" to {until}" : "")} {Change}";
}

/// <summary>
/// Changes that are known before a stream begins. Text form: <c>at 00:12 prompt "..." blend 8</c>, <c>at frame 120 noise 0.4</c>,
/// <c>every 4beats noise 0.4 blend 2beats</c>; # begins a comment.
/// </summary>
/// <param name="Entries">Entries whose time comes are taken in this order.</param>
public sealed record Timeline(IReadOnlyList<TimelineEntry> Entries)
{
    /// <summary>Most bytes of a timeline file.</summary>
    public const int LargestFile = 16 << 20;

    private const double LongestPeriod = 1_000_000;

    // Less than a chunk at any rate would only be work.
    private const double ShortestPeriod = 0.01;

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
        if (words.TryTake("every"))
            return Every(words);
        if (!words.TryTake("at"))
            throw new FormatException($"a line begins with 'at' and a time, such as at 00:12 noise 0.4, not with '{words.Word("at")}'");
        var at = Point(words);
        return new TimelineEntry(at, Change(words));
    }

    private static ControlChange Change(ControlWords words) => ControlLine.Parse(words) is ControlCommand.Change change
        ? change.Value
        : throw new FormatException("help and quit have no place in a timeline");

    // every LENGTH [from WHEN] [to WHEN] COMMAND
    private static TimelineEntry Every(ControlWords words)
    {
        var period = words.Length(LongestPeriod)
            ?? throw new FormatException("every needs a length, such as 4beats, 2s, 8chunks or 120frames");
        if (period.Unit is LengthUnit.Chunks or LengthUnit.Frames && period.Value != Math.Floor(period.Value))
            throw new FormatException($"every needs whole {period.Unit.ToString().ToLowerInvariant()}");
        if (period is { Unit: LengthUnit.Seconds or LengthUnit.Beats, Value: < ShortestPeriod })
            throw new FormatException(FormattableString.Invariant($"every needs at least {ShortestPeriod} of them"));
        var from = words.TryTake("from") ? Point(words) : TimelinePoint.Zero(period.Unit);
        TimelinePoint? to = words.TryTake("to") ? Point(words) : null;
        if (from.Unit != period.Unit || (to is { } end && end.Unit != period.Unit))
            throw new FormatException($"from and to must be counted in {period.Unit.ToString().ToLowerInvariant()}, as every is");
        return new TimelineEntry(from, Change(words)) { Every = period.Value, Until = to };
    }

    private static TimelinePoint Point(ControlWords words)
    {
        if (words.TryTake("frame"))
            return new TimelinePoint(Frame: words.Whole("frame", 0, long.MaxValue));
        if (words.TryTake("chunk"))
            return new TimelinePoint(Chunk: words.Whole("chunk", 0, long.MaxValue));
        if (words.TryTake("beat"))
            return new TimelinePoint { Beat = words.Number("beat", 0, 1e9) };
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
