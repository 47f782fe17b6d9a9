using System.Diagnostics;
using System.Text;

namespace StreamDiff.CommandLine;

/// <summary>
/// What native libraries write to standard output and standard error by themselves (libtorch, libav, CUDA): both descriptors lead into a
/// pipe, which a thread reads line by line. What a library says in the moment in which it ends the process may be lost.
/// </summary>
internal sealed class NativeLines
{
    private const int MostAtOnce = 4096;

    // No library writes it.
    private const char Mark = '\u0001';

    private readonly int _pipe;
    private readonly LineWriter _lines;
    private readonly object _gate = new();
    private long _asked;
    private long _seen;

    private NativeLines(int pipe, LineWriter lines) => (_pipe, _lines) = (pipe, lines);

    /// <summary>Begins; null where the system has no descriptor left, and nothing changes then.</summary>
    /// <param name="queue">Goes on writing to where the two descriptors lead now.</param>
    /// <param name="put">Takes each line, from the thread.</param>
    public static NativeLines? Begin(StandardQueue queue, Action<string> put)
    {
        if (StandardDescriptor.Divert() is not var (output, error, pipe))
            return null;
        queue.Lead(output, error);
        var lines = new NativeLines(pipe, new LineWriter(put));
        new Thread(lines.Read) { Name = "streamdiff library lines", IsBackground = true }.Start();
        return lines;
    }

    /// <summary>Waits until what was written up to now has been taken, at most so long.</summary>
    public void Flush(TimeSpan patience)
    {
        lock (_gate)
        {
            var asked = ++_asked;
            if (StandardDescriptor.Write(StandardDescriptor.Error, [(byte)'\n', (byte)Mark, (byte)'\n']) <= 0)
                return;
            var begun = Stopwatch.GetTimestamp();
            while (_seen < asked && patience - Stopwatch.GetElapsedTime(begun) is var left && left > TimeSpan.Zero)
                Monitor.Wait(_gate, left);
        }
    }

    private void Read()
    {
        var bytes = new byte[MostAtOnce];
        var text = new char[MostAtOnce];
        // A character may lie in two pieces.
        var decoder = new UTF8Encoding(false).GetDecoder();
        for (int count; (count = StandardDescriptor.Read(_pipe, bytes)) > 0;)
        {
            var rest = text.AsSpan(0, decoder.GetChars(bytes, 0, count, text, 0));
            for (int mark; (mark = rest.IndexOf(Mark)) >= 0; rest = rest[(mark + 1)..])
            {
                _lines.Write(rest[..mark]);
                lock (_gate)
                {
                    _seen++;
                    Monitor.PulseAll(_gate);
                }
            }
            _lines.Write(rest);
        }
    }
}
