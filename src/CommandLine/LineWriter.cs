using System.Text;

namespace StreamDiff.CommandLine;

/// <summary>Gives what is written to it away line by line, empty ones left out.</summary>
/// <param name="put">Takes a line without its end.</param>
internal sealed class LineWriter(Action<string> put) : TextWriter
{
    // A line without an end must not fill the memory.
    private const int LongestLine = 1 << 16;

    private readonly Lock _gate = new();
    private readonly StringBuilder _line = new();

    public override Encoding Encoding { get; } = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    public override void Write(char value) => Write([value]);

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    public override void WriteLine(string? value) => Write((value + "\n").AsSpan());

    public override void WriteLine(ReadOnlySpan<char> buffer) => Write([.. buffer, '\n']);

    public override void WriteLine() => Write('\n');

    public override void Write(ReadOnlySpan<char> buffer)
    {
        lock (_gate)
            foreach (var c in buffer)
            {
                // A line that is drawn over and over is told each time.
                if (c is '\n' or '\r' || _line.Length == LongestLine)
                    End();
                if (c is not ('\n' or '\r'))
                    _line.Append(c);
            }
    }

    /// <summary>Gives away what has no end yet.</summary>
    public override void Flush()
    {
        lock (_gate)
            End();
    }

    private void End()
    {
        var line = _line.ToString();
        _line.Clear();
        if (!string.IsNullOrWhiteSpace(line))
            put(line);
    }
}
