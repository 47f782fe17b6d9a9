using System.Globalization;
using System.Text.RegularExpressions;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;

namespace StreamDiff.Pipeline.Control;

/// <summary>What the user should know of a stream's settings, in one line.</summary>
/// <param name="Text">The line.</param>
/// <param name="IsTrouble">True where something will not be as it was asked for.</param>
public readonly record struct StreamNote(string Text, bool IsTrouble);

/// <summary>
/// Tells what a model makes of prompts, and of noise and steps that are outside of what it is good for: of those a stream begins with and
/// of every change to come. A line that was told is not told again.
/// </summary>
internal sealed partial class StreamNotes
{
    private const int LongestShown = 40;
    private const int MostOthers = 6;

    private readonly string _model;
    private readonly ModelConfig _config;
    private readonly string _first;
    private readonly Action<StreamNote> _tell;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);

    /// <param name="model">Its name.</param>
    /// <param name="config">What it is good for.</param>
    /// <param name="first">The prompt that the stream begins with; that it has too many words was told before the stream began.</param>
    /// <param name="tell">Takes each note; called from several threads.</param>
    public StreamNotes(string model, ModelConfig config, string first, Action<StreamNote> tell) =>
        (_model, _config, _first, _tell) = (model, config, first, tell);

    /// <summary>Words of a prompt, as far as spaces tell.</summary>
    public static int CountWords(string prompt) => Words().Count(prompt);

    /// <summary>
    /// True where the prompt cannot fit whatever the tokenizer does: every word is one token at least. The run's user has been told before
    /// it began.
    /// </summary>
    public static bool HasTooManyWords(string prompt, ModelConfig model) => CountWords(prompt) > model.Dit.TextLen - 1;

    /// <summary>A prompt was encoded.</summary>
    public void Read(PromptReading reading)
    {
        if (reading.Truncated && !(reading.Prompt == _first && HasTooManyWords(reading.Prompt, _config)))
            Tell(new StreamNote($"the prompt {Shown(reading.Prompt)} is longer than the model reads: its end had no effect", true));
        if (reading.Words is { } words && !string.IsNullOrWhiteSpace(reading.Prompt))
            Tell(Styles(_model, reading.Prompt, words, reading.TakenFor));
    }

    /// <summary>A change was asked for.</summary>
    public void Changed(ControlChange change)
    {
        if (OutOfRange(_model, _config, change) is { } note)
            Tell(new StreamNote(note, true));
    }

    /// <summary>Why a noise scale or a number of steps is of no use with a model; null where it is, or where nothing is known.</summary>
    public static string? OutOfRange(string model, ModelConfig config, ControlChange change) => change switch
    {
        NoiseScaleChange { Scale: var scale } when config.Diffusion.UsefulNoiseScale is { } useful && !useful.Holds(scale) =>
            $"noise {Number(scale)} is {NoiseFault(model, scale < useful.Least)}; {useful} is of use",
        StepsChange { Steps: var steps } when config.Diffusion.UsefulSteps is { } useful && !useful.Holds(steps) =>
            $"{steps} {(steps == 1 ? "step is" : "steps are")} "
            + (steps < useful.Least ? $"too few for {model}" : $"no better than {useful.Most} with {model} and take longer")
            + $"; {useful} {(useful.Most > 1 ? "are" : "is")} of use",
        _ => null,
    };

    /// <summary>What a model that knows a list of styles makes of a prompt.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="prompt">As it was written.</param>
    /// <param name="words">What its words name.</param>
    /// <param name="takenFor">The styles that the network is told of.</param>
    internal static StreamNote Styles(string model, string prompt, PromptWords words, IReadOnlyList<string> takenFor)
    {
        var list = $"'streamdiff models show {model}' lists the styles that it knows";
        var nothing = "leaves the picture nearly as it is";
        if (words.Styles.Count == 0)
            return new StreamNote(
                $"{model} knows no word of {Shown(prompt)} and {(takenFor.Count == 0 ? nothing : $"takes it for {Join(takenFor)}")}: "
                + $"{list}", true);
        if (!words.Styles.ToHashSet().SetEquals(takenFor))
            return new StreamNote(
                $"{Shown(prompt)} names {Join(words.Styles)}, but "
                + $"{model} {(takenFor.Count == 0 ? nothing : $"takes it for {Join(takenFor)}")}: fewer other words make it clearer; "
                + $"{list}", true);
        var others = words.Others.Count == 0
            ? ""
            : $"; it knows no {string.Join(", ", words.Others.Take(MostOthers).Select(o => $"'{o}'"))}"
                + (words.Others.Count > MostOthers ? " ..." : "");
        return new StreamNote($"{model} takes {Shown(prompt)} for {Join(takenFor)}{others}", false);
    }

    private void Tell(StreamNote note)
    {
        lock (_told)
            if (!_told.Add(note.Text))
                return;
        _tell(note);
    }

    private static string Join(IReadOnlyList<string> styles) => string.Join(" and ", styles);

    // Not in the middle of a character that takes two.
    private static string Shown(string prompt)
    {
        var most = prompt.Length > LongestShown && char.IsHighSurrogate(prompt[LongestShown - 1]) ? LongestShown - 1 : LongestShown;
        return $"'{(prompt.Length <= LongestShown ? prompt : prompt[..most] + "...")}'";
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string NoiseFault(string model, bool isTooLittle) =>
        isTooLittle ? $"too little for {model}: the style may not come" : $"too much for {model}: the picture is lost in it";

    [GeneratedRegex(@"\S+")]
    private static partial Regex Words();
}
