using System.Buffers;
using System.Globalization;
using MessagePack;

namespace StreamDiff.Pipeline.Control.Logs;

internal enum SessionLogRecord
{
    Change = 1,
    Chunk = 2,
    End = 3,
    Tick = 4,
}

/// <summary>
/// Writes a log while its session runs: a MessagePack array [name, version, map], then an array for each record, each handed to the
/// operating system at once, so that a crash loses the record being written and no other. From any thread.
/// </summary>
public sealed class SessionLogWriter : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private string? _problem;
    private bool _isEnded;
    private long _chunks;
    private long _frames;

    private SessionLogWriter(FileStream file) => _file = file;

    /// <summary>Why writing stopped, in one line: the session itself goes on without its log. Null where nothing happened.</summary>
    public string? Problem
    {
        get
        {
            lock (_gate)
                return _problem;
        }
    }

    /// <summary>Begins a log; a file of that name is replaced.</summary>
    /// <exception cref="ControlException">It cannot be written.</exception>
    public static SessionLogWriter Create(string path, SessionLogHeader header)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            var log = new SessionLogWriter(file);
            log.Begin(header);
            return log;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new ControlException($"session log {path} cannot be written: {e.Message}", e);
        }
    }

    public void Write(AppliedChange change) => Append((ref MessagePackWriter writer) =>
    {
        Begin(ref writer, SessionLogRecord.Change);
        writer.Write(change.Chunk);
        writer.Write(change.Frame);
        writer.Write(ControlLine.Format(change.Change));
    });

    public void Write(LoggedChunk chunk) => Append((ref MessagePackWriter writer) =>
    {
        Begin(ref writer, SessionLogRecord.Chunk);
        writer.Write(chunk.Chunk);
        WriteSources(ref writer, chunk.Sources.AsSpan());
        writer.Write((ulong)(chunk.Digest >> 64));
        writer.Write((ulong)chunk.Digest);
        (_chunks, _frames) = (_chunks + 1, _frames + chunk.Sources.Length);
    });

    /// <summary>Rows of the session that one tick takes.</summary>
    public void Write(IReadOnlyList<LoggedRow> tick) => Append((ref MessagePackWriter writer) =>
    {
        Begin(ref writer, SessionLogRecord.Tick);
        writer.WriteArrayHeader(2 * tick.Count);
        foreach (var (chunk, step) in tick)
        {
            writer.Write(chunk);
            writer.Write(step);
        }
    });

    /// <summary>The session ended as it should.</summary>
    public void End(bool cancelled)
    {
        Append((ref MessagePackWriter writer) =>
        {
            Begin(ref writer, SessionLogRecord.End);
            writer.Write(_chunks);
            writer.Write(_frames);
            writer.Write(cancelled);
        });
        lock (_gate)
            _isEnded = true;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isEnded = true;
            _file.Dispose();
        }
    }

    internal static int Length(SessionLogRecord kind) => kind switch
    {
        SessionLogRecord.Change => 4,
        SessionLogRecord.Chunk => 5,
        SessionLogRecord.End => 4,
        SessionLogRecord.Tick => 2,
        _ => throw new FormatException($"there is no record of kind {(int)kind}"),
    };

    private delegate void Pack(ref MessagePackWriter writer);

    private static void Begin(ref MessagePackWriter writer, SessionLogRecord kind)
    {
        writer.WriteArrayHeader(Length(kind));
        writer.Write((int)kind);
    }

    private static void WriteSources(ref MessagePackWriter writer, ReadOnlySpan<long> sources)
    {
        var runs = new List<(long First, long Count)>();
        foreach (var number in sources)
        {
            if (runs.Count > 0 && runs[^1].First + runs[^1].Count == number)
                runs[^1] = (runs[^1].First, runs[^1].Count + 1);
            else
                runs.Add((number, 1));
        }
        writer.WriteArrayHeader(2 * runs.Count);
        foreach (var (first, count) in runs)
        {
            writer.Write(first);
            writer.Write(count);
        }
    }

    private void Begin(SessionLogHeader header)
    {
        var writer = new MessagePackWriter(_buffer);
        writer.WriteArrayHeader(3);
        writer.Write(SessionLogReader.Magic);
        writer.Write(SessionLog.Version);
        var fields = header.Fields().ToList();
        writer.WriteMapHeader(fields.Count);
        foreach (var (key, value) in fields)
        {
            writer.Write(key);
            WriteValue(ref writer, value);
        }
        writer.Flush();
        Flush();
    }

    private static void WriteValue(ref MessagePackWriter writer, object value)
    {
        switch (value)
        {
            case string text:
                writer.Write(text);
                break;
            case double number:
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(flag);
                break;
            default:
                writer.Write(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private void Append(Pack pack)
    {
        lock (_gate)
        {
            if (_isEnded || _problem is not null)
                return;
            var writer = new MessagePackWriter(_buffer);
            pack(ref writer);
            writer.Flush();
            try
            {
                if (_file.Length + _buffer.WrittenCount > SessionLog.LargestFile)
                    throw new IOException($"it has reached {SessionLog.LargestFile >> 20} MiB");
                Flush();
            }
            catch (IOException e)
            {
                _problem = $"the session log ends early: {e.Message}";
            }
        }
    }

    private void Flush()
    {
        _file.Write(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }
}
