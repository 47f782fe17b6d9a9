using System.Text;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.CommandLine;

/// <summary>
/// The one way to standard output and standard error: everything that is printed, by whichever library, goes through a bounded queue
/// (<see cref="StandardQueue"/>). Nothing that only tells can end or hold up what runs.
/// </summary>
public static class StandardStreams
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static StandardQueue? _queue;
    private static NativeLines? _native;
    private static LineWriter[] _lines = [];

    /// <summary>Takes both streams over. Called first in a program; starts the program once more where the caller closed one of
    /// them.</summary>
    public static void TakeOver()
    {
        StandardDescriptor.Complete();
        _queue = new StandardQueue { OutIsResult = true };
        Console.SetOut(new QueuedWriter(_queue, isError: false));
        Console.SetError(new QueuedWriter(_queue, isError: true));
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Flush();
    }

    /// <summary>From here on standard output only tells what becomes of files or streams: it is dropped where it cannot be
    /// written.</summary>
    public static void OutOnlyTells()
    {
        if (_queue is { } queue)
            queue.OutIsResult = false;
    }

    /// <summary>
    /// From here on every line is an object: those of <see cref="PutObject"/>, and what else is printed as the functions make them. What
    /// native libraries write to the system's descriptors is read back and told too.
    /// </summary>
    /// <param name="line">Makes one of a line that was printed.</param>
    /// <param name="nativeLine">Makes one of a line of a native library.</param>
    /// <param name="dropped">Makes one that tells how many lines were dropped, and why.</param>
    internal static void MakeObjects(Func<string, string> line, Func<string, string> nativeLine, Func<long, string, string> dropped)
    {
        if (_queue is not { } queue)
            return;
        queue.DroppedLine = dropped;
        _lines = [.. new[] { false, true }.Select(isError => new LineWriter(text => PutObject(isError, line(text))))];
        Console.SetOut(_lines[0]);
        Console.SetError(_lines[1]);
        _native = NativeLines.Begin(queue, text => PutObject(isError: true, nativeLine(text)));
    }

    /// <summary>Writes an object, whose strings tell no secrets, as a line.</summary>
    internal static void PutObject(bool isError, string json) => _queue?.Put(isError, json + "\n");

    /// <summary>Waits until what was said is written, as far as it can be.</summary>
    public static void Flush()
    {
        foreach (var writer in _lines)
            writer.Flush();
        _native?.Flush(Patience);
        _queue?.Flush(Patience);
    }

    /// <summary>Writes what waits. The exit code: the one given, unless results were lost.</summary>
    public static int Finish(int code)
    {
        if (_queue is not { } queue)
            return code;
        Flush();
        if (queue.OutIsResult && queue.LostResult is { } reason)
        {
            Say.Error($"standard output cannot be written: {reason}");
            queue.Flush(Patience);
            return code == ExitCode.Ok ? ExitCode.Failed : code;
        }
        return code;
    }

    private sealed class QueuedWriter(StandardQueue queue, bool isError) : TextWriter
    {
        public override Encoding Encoding { get; } = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

        public override void Write(char value) => queue.Put(isError, [value]);

        public override void Write(char[] buffer, int index, int count) => Put(buffer.AsSpan(index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Put(buffer);

        public override void Write(string? value) => Put(value);

        // A line is one piece: it is written whole or not at all.
        public override void WriteLine(string? value) => Put(value + "\n");

        public override void WriteLine(ReadOnlySpan<char> buffer) => Put([.. buffer, '\n']);

        public override void WriteLine() => queue.Put(isError, "\n");

        // Whatever has put an address into a text, a library's error included: its secrets stay here.
        private void Put(ReadOnlySpan<char> text)
        {
            if (text.ContainsAny('/', '='))
                queue.Put(isError, AddressSecrets.Hide(text.ToString()));
            else
                queue.Put(isError, text);
        }
    }
}
