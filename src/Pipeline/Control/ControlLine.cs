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

    /// <summary>Fewest beats a minute.</summary>
    public const double SlowestTempo = 20;

    /// <summary>Most beats a minute.</summary>
    public const double FastestTempo = 400;

    private const string Commands =
        "prompt, preset, noise, steps, seed, sinks, lora, pause, resume, tempo, tap, quantize, map, unmap, "
        + "refresh, mix, loopback, region, key, on, signal, learn, help, quit";

    // Numbers that can follow a signal.
    private static readonly string[] Numbers = ["noise", "lora", "mix", "loopback"];

    /// <summary>All commands, a line each.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "prompt \"TEXT\" [blend N [spherical]]   another prompt, at once or over N chunks, 2s or 4beats",
        "preset NAME [blend N]                 prompt, settings and LoRAs that are kept under a name",
        "noise X [blend N [ease]]              largest share of noise, 0.1 to 1",
        "steps N                               denoising steps, 1 to 4",
        "seed N|next                           seed of all noise",
        "sinks [N] [threshold X|off]           frames kept at the window's start, and when they are replaced",
        "refresh                               replaces the frames kept at the window's start, one a chunk",
        "lora NAME X [blend N [ease]]          strength of a LoRA, -10 to 10; 0 is without it (needs --lora-live)",
        "pause, resume                         hold the picture; go on",
        "tempo BPM [now|beat N], tap           beats a minute, a beat or the Nth one being now; or in the time of taps",
        "quantize N|off                        changes wait for the next of every N beats",
        "mix X [blend N]                       share of the model's picture over the input's, 0 to 1",
        "loopback X [delay N] [blend N]        share of what came out N chunks before in what goes in, 0 to 0.95",
        "region rect|ellipse X Y W H|off       what is repainted; [feather F] [inside X] [outside X] [exact]",
        "region mask FILE [hold], region face  what is repainted follows a mask's brightness, or the largest face; the same behind it",
        "key RRGGBB [tolerance X]|off          a colour of the input that stays as it came",
        "map SIGNAL noise|lora NAME LOW HIGH [smooth S]   a number follows a signal: sound.bass, beat, midi.cc1 ...",
        "unmap noise|lora NAME|all             it does not any more",
        "on SIGNAL [also] COMMAND|off          a change each time that a signal rises: sound.onset, sound.beat, midi.note36 ...",
        "signal NAME X, learn noise LOW HIGH   sets a signal, 0 to 1; maps the controller that is moved next",
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
        PresetChange p => $"preset {Name(p.Name)}{Way(p.Glide)}{(p.Kind == BlendKind.Spherical ? " spherical" : "")}",
        NoiseScaleChange n => string.Create(CultureInfo.InvariantCulture, $"noise {n.Scale}{Way(n.Glide)}"),
        StepsChange s => $"steps {s.Steps}",
        SeedChange s => string.Create(CultureInfo.InvariantCulture, $"seed {s.Seed}"),
        SeedStepChange { Step: 1 } => "seed next",
        SeedStepChange s => string.Create(CultureInfo.InvariantCulture, $"seed next {s.Step}"),
        SinksChange s => "sinks" + (s.Frames is { } frames ? $" {frames}" : "") + (s.Threshold is { } share ? Threshold(share) : ""),
        LoraChange l => string.Create(CultureInfo.InvariantCulture, $"lora {Name(l.Name)} {l.Strength}{Way(l.Glide)}"),
        PauseChange p => p.IsPaused ? "pause" : "resume",
        TempoChange t => string.Create(
            CultureInfo.InvariantCulture, $"tempo {t.Bpm}{(t.Beat is { } beat ? $" beat {beat}" : t.IsBeat ? " now" : "")}"),
        TapChange => "tap",
        RefreshChange => "refresh",
        MixChange m => string.Create(CultureInfo.InvariantCulture, $"mix {m.Share}{Way(m.Glide)}"),
        LoopbackChange l => string.Create(
            CultureInfo.InvariantCulture,
            $"loopback {l.Share}{(l.Delay == LoopbackChange.UsualDelay ? "" : $" delay {l.Delay}")}{Way(l.Glide)}"),
        RegionChange r => $"region {r.Map?.ToString() ?? "off"}",
        RegionFollowChange r => $"region {RegionWords.Format(r)}",
        KeyChange { Color: null } => "key off",
        KeyChange { Color: { } key } => string.Create(CultureInfo.InvariantCulture, $"key {key.Rgb:x6} tolerance {key.Tolerance}"),
        MapChange m => $"map {m.Source} {Range(m)}",
        LearnChange l => $"learn {Range(l.Map)}",
        UnmapChange { Key: { } key } when key.StartsWith("lora ", StringComparison.Ordinal) => $"unmap lora {Name(key[5..])}",
        UnmapChange u => $"unmap {u.Key ?? "all"}",
        TriggerChange t => $"on {t.Source} {(t.IsAlso ? "also " : "")}{t.Change?.ToString() ?? "off"}",
        SignalChange s => string.Create(CultureInfo.InvariantCulture, $"signal {s.Name} {s.Value}"),
        QuantizeChange q => q.Beats == 0 ? "quantize off" : string.Create(CultureInfo.InvariantCulture, $"quantize {q.Beats}"),
        _ => throw new ArgumentException($"unknown change {change.GetType().Name}", nameof(change)),
    };

    internal static ControlCommand Parse(ControlWords words)
    {
        var name = words.Word("a command").ToLowerInvariant();
        ControlCommand command = name switch
        {
            "prompt" => new ControlCommand.Change(Prompt(words)),
            "preset" => new ControlCommand.Change(Preset(words)),
            "region" => new ControlCommand.Change(RegionWords.Read(words)),
            "key" => new ControlCommand.Change(RegionWords.Key(words)),
            "noise" or "lora" or "mix" or "loopback" => new ControlCommand.Change(Going(Number(name, words), words)),
            "steps" => new ControlCommand.Change(new StepsChange((int)words.Whole("steps", 1, 4))),
            "seed" => new ControlCommand.Change(Seed(words)),
            "sinks" => new ControlCommand.Change(Sinks(words)),
            "map" => new ControlCommand.Change(Map(Signal(words), words)),
            "learn" => new ControlCommand.Change(new LearnChange(Map("", words))),
            "unmap" => new ControlCommand.Change(Unmap(words)),
            "on" => new ControlCommand.Change(Trigger(words)),
            "signal" => new ControlCommand.Change(new SignalChange(Signal(words), words.Number("a signal", 0, 1))),
            "pause" => new ControlCommand.Change(new PauseChange(true)),
            "resume" => new ControlCommand.Change(new PauseChange(false)),
            "tempo" => new ControlCommand.Change(new TempoChange(words.Number("tempo", SlowestTempo, FastestTempo), words.TryTake("now"))
            {
                Beat = words.TryTake("beat") ? words.Number("beat", -1e9, 1e9) : null,
            }),
            "refresh" => new ControlCommand.Change(new RefreshChange()),
            "tap" => new ControlCommand.Change(new TapChange()),
            "quantize" => new ControlCommand.Change(
                new QuantizeChange(words.TryTake("off") ? 0 : words.Number("quantize", 0.25, 256))),
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
        var (over, kind, easing) = Way(words);
        if (over is not { Unit: LengthUnit.Chunks or LengthUnit.Frames } chunks)
            return new PromptChange(text, 1, kind) { Over = over, Easing = easing };
        // Where nothing lies between, there is no way to take.
        return chunks.Value <= 1 ? new PromptChange(text) : new PromptChange(text, (int)chunks.Value, kind) { Easing = easing };
    }

    private static PresetChange Preset(ControlWords words)
    {
        var name = words.QuotedText() ?? words.Word("a preset's name, such as preset neon blend 8,");
        if (name.Length is 0 or > LongestName)
            throw new FormatException($"a preset's name has 1 to {LongestName} characters");
        var (over, kind, easing) = Way(words);
        return over is { } length && length != new ControlLength(1)
            ? new PresetChange(name, new Glide(length, easing), kind)
            : new PresetChange(name);
    }

    private static ControlChange Seed(ControlWords words) => words.TryTake("next")
        ? new SeedStepChange(words.IsAtEnd ? 1 : words.Whole("seed next", -1_000_000, 1_000_000))
        : new SeedChange(words.Whole("seed", long.MinValue, long.MaxValue));

    // blend N [spherical|linear] [EASING]
    private static (ControlLength? Over, BlendKind Kind, Easing Easing) Way(ControlWords words)
    {
        if (!words.TryTake("blend"))
            return default;
        var over = words.Length(LongestBlend) ?? new ControlLength(words.Whole("blend", 1, LongestBlend));
        if (over.Unit == LengthUnit.Frames)
            throw new FormatException("a blend is counted in chunks, seconds (2s) or beats (4beats)");
        var kind = words.TryTake("spherical") ? BlendKind.Spherical : BlendKind.Linear;
        if (kind == BlendKind.Linear)
            _ = words.TryTake("linear");
        return (over with { Value = over.Unit == LengthUnit.Chunks ? Math.Round(over.Value) : over.Value }, kind, EasingOf(words));
    }

    private static Glide Glide(ControlWords words) =>
        Way(words) is { Over: { } over } way && over != new ControlLength(1) ? new Glide(over, way.Easing) : default;

    private static Easing EasingOf(ControlWords words) =>
        words.TryTake("ease") ? Easing.InOut : words.TryTake("ease-in") ? Easing.In
        : words.TryTake("ease-out") ? Easing.Out : Easing.Linear;

    private static string Way(Glide glide) => glide.IsNone ? "" : $" blend {glide.Over}{Word(glide.Easing)}";

    private static string Word(Easing easing) => easing switch
    {
        Easing.InOut => " ease",
        Easing.In => " ease-in",
        Easing.Out => " ease-out",
        _ => "",
    };

    // A number by its command, at once.
    private static NumberChange Number(string name, ControlWords words)
    {
        if (name == "noise")
            return new NoiseScaleChange(words.Number("noise", 0.1, 1));
        if (name == "mix")
            return new MixChange(words.Number("mix", 0, 1));
        if (name == "loopback")
            return new LoopbackChange(
                words.Number("loopback", 0, 0.95),
                words.TryTake("delay") ? (int)words.Whole("delay", LoopbackChange.UsualDelay, 64) : LoopbackChange.UsualDelay);
        var lora = words.QuotedText() ?? words.Word("a lora's name, such as lora ink 0.5,");
        if (lora.Length is 0 or > LongestName)
            throw new FormatException($"a lora's name has 1 to {LongestName} characters");
        return new LoraChange(lora, words.Number($"the strength of {Short(lora)}", LoraChoice.Least, LoraChoice.Most));
    }

    private static NumberChange Going(NumberChange number, ControlWords words) => number with { Glide = Glide(words) };

    private static string NumberName(ControlWords words)
    {
        var name = words.Word("a number, such as noise,").ToLowerInvariant();
        return Numbers.Contains(name)
            ? name
            : throw new FormatException($"'{Short(name)}' follows no signal: there are {string.Join(", ", Numbers)}");
    }

    private static MapChange Map(string source, ControlWords words)
    {
        var low = Number(NumberName(words), words);
        var high = words.Number("the value at the signal's 1", -10, 10);
        return new MapChange(source, low, high, words.TryTake("smooth") ? words.Length(60)?.Value ?? words.Number("smooth", 0, 60) : 0);
    }

    private static UnmapChange Unmap(ControlWords words)
    {
        if (words.TryTake("all"))
            return new UnmapChange(null);
        var name = NumberName(words);
        return new UnmapChange(name == "lora" ? $"lora {words.QuotedText() ?? words.Word("a lora's name")}" : name);
    }

    private static TriggerChange Trigger(ControlWords words)
    {
        var source = Signal(words);
        if (words.TryTake("off"))
            return new TriggerChange(source, null);
        var isAlso = words.TryTake("also");
        var command = Parse(words);
        return command is ControlCommand.Change { Value: not (TriggerChange or TapChange or LearnChange or SignalChange) and var change }
            ? new TriggerChange(source, change) { IsAlso = isAlso }
            : throw new FormatException("a signal sets off a change, such as on sound.onset seed next");
    }

    private static string Signal(ControlWords words)
    {
        var name = words.Word("a signal, such as sound.bass,").ToLowerInvariant();
        return SignalNames.Problem(name) is { } problem ? throw new FormatException(problem) : name;
    }

    private static string Range(MapChange map) => string.Create(
        CultureInfo.InvariantCulture, $"{map.Low} {map.High}{(map.Smooth > 0 ? $" smooth {map.Smooth}s" : "")}");

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

    /// <summary>A text as control lines write it.</summary>
    internal static string Quoted(string text)
    {
        var line = text.ReplaceLineEndings(" ").Replace("\\", "\\\\", StringComparison.Ordinal);
        return $"\"{line.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }

    private static string Blend(PromptChange prompt) => prompt is { BlendChunks: 1, Over: null } ? ""
        : $" blend {prompt.Over ?? new ControlLength(prompt.BlendChunks)}"
            + $"{(prompt.Kind == BlendKind.Spherical ? " spherical" : "")}{Word(prompt.Easing)}";

    private static string Threshold(double threshold) =>
        $" threshold {(threshold == -1 ? "off" : threshold.ToString(CultureInfo.InvariantCulture))}";

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
