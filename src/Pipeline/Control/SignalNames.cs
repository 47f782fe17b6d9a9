namespace StreamDiff.Pipeline.Control;

/// <summary>Names of signals: those of the stream's sound, the beat, and whatever controllers set, such as midi.cc1.</summary>
public static class SignalNames
{
    /// <summary>1 at each beat of the tempo, falling to 0 before the next.</summary>
    public const string Beat = "beat";

    /// <summary>1 in a chunk whose picture is another one than before.</summary>
    public const string Cut = "picture.cut";

    /// <summary>How fast the picture moves.</summary>
    public const string Motion = "picture.motion";

    /// <summary>How far what comes out is from what the first seconds made of their pictures.</summary>
    public const string Drift = "picture.drift";

    /// <summary>Signals of the sound begin with it.</summary>
    public const string Sound = "sound.";

    /// <summary>Those of the sound, without the beginning.</summary>
    public static IReadOnlyList<string> OfSound { get; } = ["level", "bass", "mid", "treble", "onset", "beat"];

    /// <summary>Why a text is no signal's name, in one line; null where it is one.</summary>
    public static string? Problem(string name)
    {
        if (name.StartsWith(Sound, StringComparison.Ordinal) && !OfSound.Contains(name[Sound.Length..]))
            return $"there is no signal {name}: there are {string.Join(", ", OfSound.Select(n => Sound + n))}";
        if (name.StartsWith("picture.", StringComparison.Ordinal) && name is not (Cut or Motion or Drift))
            return $"there is no signal {name}: there are {Cut}, {Motion}, {Drift}";
        return name.Length is >= 1 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '/')
            ? null
            : "a signal's name has 1 to 64 letters, digits, dots, hyphens, underscores and slashes";
    }

    /// <summary>True where a change follows the sound, or is set off by it.</summary>
    internal static bool IsOfSound(ControlChange change) => change switch
    {
        MapChange map => map.Source.StartsWith(Sound, StringComparison.Ordinal),
        TriggerChange trigger => trigger.Source.StartsWith(Sound, StringComparison.Ordinal) || trigger.Change is { } set && IsOfSound(set),
        _ => false,
    };
}
