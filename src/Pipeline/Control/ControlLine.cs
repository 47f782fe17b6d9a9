using System.Globalization;
using StreamDiff.Models.Loras;

namespace StreamDiff.Pipeline.Control;

/// <summary>The text form of control, one command a line: for standard input, timeline files and messages.</summary>
public static class ControlLine
{
    /// <summary>Longest text of a prompt, in characters.</summary>
    public const int LongestPrompt = 8192;

    /// <summary>Longest line.</summary>
    public const int LongestLine = 2 * LongestPrompt + 64;

    /// <summary>Most chunks of a blend.</summary>
    public const int LongestBlend = 10_000;

    /// <summary>Longest name of a LoRA, in characters.</summary>
    public const int LongestName = 255;

    private const string Commands = "prompt, noise, steps, seed, sinks, lora, pause, resume, help, quit";

    /// <summary>All commands, a line each.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "prompt \"TEXT\" [blend N [spherical]]   another prompt, at once or over N chunks",
        "noise X                               largest share of noise, 0.1 to 1",
        "steps N                               denoising steps, 1 to 4",
        "seed N                                seed of all noise",
        "sinks [N] [threshold X|off]           frames kept at the window's start, and when they are replaced",
        "lora NAME X                           strength of a LoRA, -10 to 10; 0 is without it (needs --lora-live)",
        "pause, resume                         hold the picture; go on",
        "help, quit                            this list; end the run",
    ];

    /// <summary>Reads a line; null for an empty one or a comment.</summary>
    /// <exception cref="FormatException">It is not understood; the message says why in one line.</exception>
    public static ControlCommand? Parse(string line)
    {
        if (line.Length > LongestLine)
            throw new FormatException($"the line has {line.Length} characters, at most {LongestLine} are read");
        var words = new ControlWords(line);
        return words.IsAtEnd ? null : Parse(words);
    }

    /// <summary>Reads a line that must hold a change.</summary>
    /// <exception cref="FormatException">It is not understood, or holds something else.</exception>
    public static ControlChange ParseChange(string line) =>
        Parse(line) is ControlCommand.Change change ? change.Value : throw new FormatException("a change is missing, such as noise 0.4");

    /// <summary>A change as the line that makes it.</summary>
    public static string Format(ControlChange change) => change switch
    {
        PromptChange p => $"prompt {Quoted(p.Text)}{Blend(p)}",
        NoiseScaleChange n => string.Create(CultureInfo.InvariantCulture, $"noise {n.Scale}"),
        StepsChange s => $"steps {s.Steps}",
        SeedChange s => string.Create(CultureInfo.InvariantCulture, $"seed {s.Seed}"),
        SinksChange s => "sinks" + (s.Frames is { } frames ? $" {frames}" : "") + (s.Threshold is { } share ? Threshold(share) : ""),
        LoraChange l => string.Create(CultureInfo.InvariantCulture, $"lora {Name(l.Name)} {l.Strength}"),
        PauseChange p => p.IsPaused ? "pause" : "resume",
        _ => throw new ArgumentException($"unknown change {change.GetType().Name}", nameof(change)),
    };

    internal static ControlCommand Parse(ControlWords words)
    {
        var name = words.Word("a command").ToLowerInvariant();
        ControlCommand command = name switch
        {
            "prompt" => new ControlCommand.Change(Prompt(words)),
            "noise" => new ControlCommand.Change(new NoiseScaleChange(words.Number("noise", 0.1, 1))),
            "steps" => new ControlCommand.Change(new StepsChange((int)words.Whole("steps", 1, 4))),
            "seed" => new ControlCommand.Change(new SeedChange(words.Whole("seed", long.MinValue, long.MaxValue))),
            "sinks" => new ControlCommand.Change(Sinks(words)),
            "lora" => new ControlCommand.Change(Lora(words)),
            "pause" => new ControlCommand.Change(new PauseChange(true)),
            "resume" => new ControlCommand.Change(new PauseChange(false)),
            "help" => new ControlCommand.Help(),
            "quit" => new ControlCommand.Quit(),
            _ => throw new FormatException($"unknown command '{Short(name)}': there are {Commands}"),
        };
        words.End(name);
        return command;
    }

    private static PromptChange Prompt(ControlWords words)
    {
        var text = words.QuotedText()
            ?? throw new FormatException("prompt needs its text in double quotes, such as prompt \"a watercolor\" blend 8");
        if (text.Length > LongestPrompt)
            throw new FormatException($"the prompt has {text.Length} characters, at most {LongestPrompt} are read");
        if (!words.TryTake("blend"))
            return new PromptChange(text);
        var chunks = (int)words.Whole("blend", 1, LongestBlend);
        var spherical = words.TryTake("spherical");
        if (!spherical)
            _ = words.TryTake("linear");
        // Where nothing lies between, there is no way to take.
        return new PromptChange(text, chunks, spherical && chunks > 1 ? BlendKind.Spherical : BlendKind.Linear);
    }

    private static LoraChange Lora(ControlWords words)
    {
        var name = words.QuotedText() ?? words.Word("a lora's name, such as lora ink 0.5,");
        if (name.Length is 0 or > LongestName)
            throw new FormatException($"a lora's name has 1 to {LongestName} characters");
        return new LoraChange(name, words.Number($"the strength of {Short(name)}", LoraChoice.Least, LoraChoice.Most));
    }

    private static SinksChange Sinks(ControlWords words)
    {
        int? frames = null;
        double? threshold = null;
        if (!words.IsAtEnd && !words.TryTake("threshold"))
        {
            frames = (int)words.Whole("sinks", 0, int.MaxValue);
            if (!words.TryTake("threshold"))
                return new SinksChange(frames);
        }
        else if (words.IsAtEnd)
        {
            throw new FormatException("sinks needs a number of frames or a threshold, such as sinks 2 threshold 0.3");
        }
        threshold = words.TryTake("off") ? -1 : words.Number("threshold", -1, 1);
        return new SinksChange(frames, threshold);
    }

    // As it is where it is one word.
    private static string Name(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') ? name : Quoted(name);

    private static string Quoted(string text)
    {
        var line = text.ReplaceLineEndings(" ").Replace("\\", "\\\\", StringComparison.Ordinal);
        return $"\"{line.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }

    private static string Blend(PromptChange prompt) =>
        prompt.BlendChunks == 1 ? "" : $" blend {prompt.BlendChunks}{(prompt.Kind == BlendKind.Spherical ? " spherical" : "")}";

    private static string Threshold(double threshold) =>
        $" threshold {(threshold == -1 ? "off" : threshold.ToString(CultureInfo.InvariantCulture))}";

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
