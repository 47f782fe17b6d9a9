using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Control;

/// <summary>Brings the changes of a run from the user to the stream, and the news of them back.</summary>
internal sealed class ControlDesk : IDisposable
{
    private readonly ControlOptions _options;
    private readonly Action _quit;
    private Controllers? _controllers;

    private ControlDesk(ControlOptions options, Action quit)
    {
        (_options, _quit) = (options, quit);
        Controls = new StreamControls(isOpenEnded: options.IsOpen);
    }

    public StreamControls Controls { get; }

    /// <summary>Null for a run that nothing changes or records.</summary>
    /// <param name="options">The run's.</param>
    /// <param name="quit">Ends the run.</param>
    public static ControlDesk? For(ControlOptions options, Action quit) =>
        options.IsNone ? null : new ControlDesk(options, quit);

    /// <summary>Begins to read commands where they are wanted.</summary>
    /// <param name="say">Takes one line for the user; called from several threads.</param>
    /// <param name="tellsChanges">True tells of each change that takes effect; false where somebody else does.</param>
    /// <exception cref="IOException">A controller cannot be opened.</exception>
    public void Open(Action<string> say, bool tellsChanges = true)
    {
        if (tellsChanges)
        {
            Controls.Applied += applied => say(applied.ToString());
            Controls.Failed += say;
        }
        _controllers = new Controllers(_options, SteeredStreams.Of(Controls), say);
        Controls.Applied += applied => _controllers.Tell(null, applied);
        // Reading cannot be interrupted: the thread ends with the program.
        if (_options.Control is not null)
            new Thread(() => Read(Console.In, say)) { Name = "streamdiff control", IsBackground = true }.Start();
    }

    public void Dispose() => _controllers?.Dispose();

    /// <summary>Reads until the input ends; the run goes on then.</summary>
    internal void Read(TextReader input, Action<string> say)
    {
        while (ReadLine(input) is { } line)
        {
            try
            {
                switch (ControlLine.Parse(line))
                {
                    case ControlCommand.Change change:
                        Controls.Apply(change.Value);
                        break;
                    case ControlCommand.Help:
                        foreach (var text in ControlLine.Help)
                            say(text);
                        break;
                    case ControlCommand.Quit:
                        _quit();
                        return;
                    default:
                        break;
                }
            }
            catch (Exception e) when (e is FormatException or ControlException)
            {
                say($"error: {e.Message}");
            }
        }
    }

    // A line without an end must not fill the memory.
    internal static string? ReadLine(TextReader input)
    {
        var line = new System.Text.StringBuilder();
        for (int next; (next = Next(input)) >= 0;)
        {
            if (next == '\n')
                return line.ToString();
            // No path and no C library takes it.
            if (next == 0)
                next = '\uFFFD';
            if (line.Length <= ControlLine.LongestLine)
                line.Append((char)next);
        }
        return line.Length > 0 ? line.ToString() : null;
    }

    // An input that cannot be read, a terminal that went away or a folder, is at its end.
    private static int Next(TextReader input)
    {
        try
        {
            return input.Read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return -1;
        }
    }
}
