using System.Collections.Immutable;
using System.Text;
using MessagePack;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>
/// Reads a log's bytes by hand, so that they make nothing but texts and numbers. A last record that is cut off, as after a crash, is left
/// out; anything else that is not a log is an error.
/// </summary>
internal static class SessionLogReader
{
    internal const string Magic = "streamdiff-session";
    private const int MostFields = 256;

    /// <exception cref="ControlException">The bytes are no log of this version.</exception>
    public static SessionLog Read(ReadOnlyMemory<byte> bytes, string name)
    {
        var reader = new MessagePackReader(bytes);
        var header = Begin(ref reader, name);
        var changes = new List<AppliedChange>();
        var chunks = new List<LoggedChunk>();
        var ticks = new List<IReadOnlyList<LoggedRow>>();
        LoggedEnd? end = null;
        string? warning = null;
        while (!reader.End)
        {
            var start = reader.Consumed;
            try
            {
                if (end is not null)
                    throw new FormatException("something follows the end");
                ReadRecord(ref reader, changes, chunks, ticks, ref end);
            }
            catch (EndOfStreamException)
            {
                warning = $"session log {name} is cut off at byte {start}: it is used up to there";
                break;
            }
            catch (Exception e) when (IsGarbage(e))
            {
                throw new ControlException($"session log {name} is damaged at byte {start}: {FirstLine(e)}", e);
            }
        }
        if (end is null)
            warning ??= $"session log {name} has no end: the session crashed or still runs";
        return new SessionLog(header, changes, chunks, ticks, end, warning);
    }

    private static SessionLogHeader Begin(ref MessagePackReader reader, string name)
    {
        int version;
        try
        {
            if (reader.NextMessagePackType != MessagePackType.Array || reader.ReadArrayHeader() != 3 || Text(ref reader) != Magic)
                throw new FormatException("it does not begin as one");
            version = reader.ReadInt32();
        }
        catch (Exception e) when (e is EndOfStreamException || IsGarbage(e))
        {
            throw new ControlException($"{name} is no session log of streamdiff", e);
        }
        if (version != SessionLog.Version)
            throw new ControlException(
                $"session log {name} has format {version}, this program reads format {SessionLog.Version}: use the version of streamdiff "
                + "that wrote it");
        try
        {
            var count = reader.ReadMapHeader();
            if (count > MostFields)
                throw new FormatException($"its beginning has {count} fields");
            var fields = new Dictionary<string, object>(StringComparer.Ordinal);
            for (var i = 0; i < count; i++)
                fields[Text(ref reader)] = Value(ref reader);
            return SessionLogHeader.From(fields);
        }
        catch (Exception e) when (e is EndOfStreamException || IsGarbage(e))
        {
            throw new ControlException($"session log {name} is damaged: {FirstLine(e)}", e);
        }
    }

    private static void ReadRecord(
        ref MessagePackReader reader, List<AppliedChange> changes, List<LoggedChunk> chunks, List<IReadOnlyList<LoggedRow>> ticks,
        ref LoggedEnd? end)
    {
        var count = reader.ReadArrayHeader();
        var kind = (SessionLogRecord)reader.ReadInt32();
        if (count != SessionLogWriter.Length(kind))
            throw new FormatException($"a record of kind {(int)kind} has {count} parts");
        switch (kind)
        {
            case SessionLogRecord.Change:
                var (chunk, frame) = (NotNegative(ref reader), NotNegative(ref reader));
                if (changes.Count > 0 && chunk < changes[^1].Chunk)
                    throw new FormatException($"a change of chunk {chunk} follows one of chunk {changes[^1].Chunk}");
                changes.Add(new AppliedChange(ControlLine.ParseChange(Text(ref reader)), chunk, frame));
                break;
            case SessionLogRecord.Chunk:
                var number = NotNegative(ref reader);
                if (number != chunks.Count)
                    throw new FormatException($"chunk {number} stands in the place of chunk {chunks.Count}");
                var sources = Sources(ref reader);
                chunks.Add(new LoggedChunk(number, sources, new UInt128(reader.ReadUInt64(), reader.ReadUInt64())));
                break;
            case SessionLogRecord.Tick:
                ticks.Add(Rows(ref reader));
                break;
            default:
                end = new LoggedEnd(NotNegative(ref reader), NotNegative(ref reader), reader.ReadBoolean());
                break;
        }
    }

    // Runs of numbers that follow each other: first, count, first, count ...
    private static ImmutableArray<long> Sources(ref MessagePackReader reader)
    {
        var numbers = ImmutableArray.CreateBuilder<long>();
        var count = reader.ReadArrayHeader();
        if (count % 2 != 0 || count > 2 * SessionLog.MostFrames)
            throw new FormatException($"a chunk's frames come in {count} parts");
        for (var i = 0; i < count / 2; i++)
        {
            var first = NotNegative(ref reader);
            var length = NotNegative(ref reader);
            if (length < 1 || numbers.Count + length > SessionLog.MostFrames || first > long.MaxValue - length)
                throw new FormatException($"a chunk has {numbers.Count + length} frames");
            for (var n = 0L; n < length; n++)
                numbers.Add(first + n);
        }
        return numbers.ToImmutable();
    }

    // Chunk, step, chunk, step ...
    private static LoggedRow[] Rows(ref MessagePackReader reader)
    {
        var count = reader.ReadArrayHeader();
        if (count % 2 != 0 || count > 2 * SessionLog.MostRows)
            throw new FormatException($"a tick's rows come in {count} parts");
        var rows = new LoggedRow[count / 2];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = new LoggedRow(NotNegative(ref reader), checked((int)NotNegative(ref reader)));
        return rows;
    }

    private static object Value(ref MessagePackReader reader) => reader.NextMessagePackType switch
    {
        MessagePackType.String => Text(ref reader),
        MessagePackType.Integer => reader.ReadInt64(),
        MessagePackType.Float => reader.ReadDouble(),
        MessagePackType.Boolean => reader.ReadBoolean(),
        var type => throw new FormatException($"a value is of kind {type}"),
    };

    private static string Text(ref MessagePackReader reader)
    {
        if (reader.NextMessagePackType != MessagePackType.String)
            throw new FormatException($"a text was expected, not {reader.NextMessagePackType}");
        var bytes = reader.ReadStringSequence() ?? default;
        if (bytes.Length > SessionLog.LongestText)
            throw new FormatException($"a text has {bytes.Length} bytes");
        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
    }

    private static long NotNegative(ref MessagePackReader reader) =>
        reader.ReadInt64() is >= 0 and var value ? value : throw new FormatException("a number is negative");

    // MessagePack reads a text's length beyond 2^31 as a negative one, and slices with it.
    private static bool IsGarbage(Exception e) =>
        e is MessagePackSerializationException or FormatException or OverflowException or DecoderFallbackException
            or ArgumentOutOfRangeException;

    private static string FirstLine(Exception e) =>
        e is EndOfStreamException ? "its beginning is cut off" : e.Message.Split('\n')[0].Trim();
}
