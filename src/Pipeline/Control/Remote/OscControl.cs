using System.Globalization;
using System.Net;
using StreamDiff.Transport.Osc;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>
/// Steers streams by Open Sound Control: /streamdiff/COMMAND, with the command's words as arguments, and /streamdiff/SESSION/COMMAND where
/// there are sessions. What took effect is sent back.
/// </summary>
public sealed class OscControl : IDisposable
{
    private const string Root = "/streamdiff";

    private readonly SteeredStreams _streams;
    private readonly IPEndPoint? _feedback;
    private readonly Action<string> _say;
    private readonly OscPort _port;

    /// <param name="listen">Where messages come.</param>
    /// <param name="feedback">Where it is told what took effect; null for nowhere.</param>
    /// <param name="streams">Who is steered.</param>
    /// <param name="say">Told what is wrong with a message, in one line.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public OscControl(IPEndPoint listen, IPEndPoint? feedback, SteeredStreams streams, Action<string> say)
    {
        (_streams, _feedback, _say) = (streams, feedback, say);
        _port = new OscPort(listen, Take, Wrong);
        _port.Begin();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => _port.Address;

    /// <summary>Tells of a change that took effect.</summary>
    /// <param name="session">Whose; null for that of a run.</param>
    /// <param name="applied">The change.</param>
    public void Tell(string? session, AppliedChange applied)
    {
        if (_feedback is null)
            return;
        var root = session is null ? Root : $"{Root}/{session}";
        Send(new OscMessage($"{root}/applied", applied.Change.ToString(), (int)applied.Chunk, (int)applied.Frame));
        // As it would be given, so that faders and lamps that send it show it.
        if (Value(applied.Change) is var (name, value))
            Send(new OscMessage($"{root}/{name}", value));
    }

    public void Dispose() => _port.Dispose();

    /// <summary>The control line that a message stands for; null for one that says nothing, such as a button that is let go.</summary>
    /// <param name="parts">The address behind the session.</param>
    /// <param name="arguments">The message's.</param>
    internal static string? Line(IReadOnlyList<string> parts, IReadOnlyList<object?> arguments)
    {
        var name = parts[0].ToLowerInvariant();
        if (name == "command")
            return arguments is [string line] ? line : null;
        var isButton = parts is ["tap" or "resume"] or ["seed", "next"] or ["preset" or "prompt" or "lora", _] && arguments.Count <= 1;
        if (isButton && name != "lora")
        {
            // Surfaces send 1 when a button is pressed, and 0 when it is let go.
            if (arguments is [0 or 0L or 0f or 0d or false])
                return null;
            arguments = [];
        }
        if (name == "pause" && arguments is [{ } held])
            return held is 0 or 0L or 0f or 0d or false ? "resume" : "pause";
        var words = parts.Skip(1).Concat(arguments.Select(Word)).ToList();
        // Texts are quoted; what is behind them are words.
        if (name is "prompt" or "preset" or "lora" && words.Count > 0)
            words[0] = ControlLine.Quoted(words[0]);
        return string.Join(' ', words.Prepend(name));
    }

    private static string Word(object? argument) => argument switch
    {
        float number => number.ToString("0.######", CultureInfo.InvariantCulture),
        double number => number.ToString("0.######", CultureInfo.InvariantCulture),
        null or true => "",
        _ => Convert.ToString(argument, CultureInfo.InvariantCulture) ?? "",
    };

    private static (string Name, object Value)? Value(ControlChange change) => change switch
    {
        NoiseScaleChange noise => ("noise", (float)noise.Scale),
        LoraChange lora => ($"lora/{lora.Name}", (float)lora.Strength),
        StepsChange steps => ("steps", steps.Steps),
        SeedChange seed => ("seed", seed.Seed),
        PromptChange prompt => ("prompt", prompt.Text),
        PauseChange pause => ("pause", pause.IsPaused ? 1 : 0),
        TempoChange tempo => ("tempo", (float)tempo.Bpm),
        _ => null,
    };

    private void Take(OscMessage message)
    {
        try
        {
            var parts = message.Address[1..].Split('/');
            if (parts.Length < 2 || '/' + parts[0] != Root)
                throw new FormatException($"addresses begin with {Root}/");
            var controls = _streams.Find(null);
            var rest = parts[1..];
            if (controls is null)
            {
                controls = _streams.Find(parts[1]) ?? throw new FormatException($"there is no session named {parts[1]}");
                rest = parts[2..];
            }
            if (rest.Length == 0 || rest.Any(p => p.Length == 0))
                throw new FormatException("a command is missing");
            if (Line(rest, message.Arguments) is { Length: > 0 } line)
            {
                var change = ControlLine.ParseChange(line);
                // It knows no keys: whoever reaches the port must not reach files and other machines.
                if (change.Opens.Any())
                    throw new FormatException("a mask cannot be named by OSC: name it in a timeline, a command or on the page");
                controls.Apply(change);
            }
        }
        catch (Exception e) when (e is FormatException or ControlException)
        {
            Wrong($"{message.Address}: {e.Message}");
        }
    }

    private void Wrong(string what)
    {
        _say($"error: osc: {what}");
        Send(new OscMessage($"{Root}/error", what));
    }

    private void Send(OscMessage message)
    {
        if (_feedback is not null)
            _port.Send(message, _feedback);
    }
}
