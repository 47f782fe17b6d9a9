using System.Globalization;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Where an option may stand.</summary>
[Flags]
public enum OptionUse
{
    /// <summary>In one run, on its command line or in its configuration file.</summary>
    Run = 1,

    /// <summary>In a session of a server.</summary>
    Session = 2,

    /// <summary>Outside of the sessions: for all of them.</summary>
    Server = 4,
}

/// <summary>Makes a property an option that users set by name; see <see cref="OptionTable"/>.</summary>
/// <param name="name">Words with dashes between them.</param>
/// <param name="value">What stands for the value in the help; MS gives a time in milliseconds, otherwise it is in seconds.</param>
/// <param name="help">One or two sentences, default included.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string name, string value, string help) : Attribute
{
    public string Name => name;

    public string Value => value;

    public string Help => help;

    /// <summary>Short form, such as -i. Default none.</summary>
    public string? Alias { get; init; }

    /// <summary>Default: everywhere.</summary>
    public OptionUse Use { get; init; } = OptionUse.Run | OptionUse.Session | OptionUse.Server;

    /// <summary>What a value must be, for the sentence "NAME must be ...". Default: made from the type and the limits.</summary>
    public string? Says { get; init; }

    /// <summary>The only texts that are taken. Default: all, or those of the enumeration.</summary>
    public string[]? Words { get; init; }

    /// <summary>True where the option's name alone means true; for a time that is for ever.</summary>
    public bool MayStandAlone { get; init; }

    /// <summary>True where the word auto stands for no value: the program decides. Default: false.</summary>
    public bool MayBeAuto { get; init; }
}

/// <summary>The numbers that an option may have, in the unit in which users give it.</summary>
/// <param name="min">The smallest.</param>
/// <param name="max">The largest. Default: none.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LimitsAttribute(double min, double max = double.PositiveInfinity) : Attribute
{
    public double Min => min;

    public double Max => max;

    /// <summary>True where <see cref="Min"/> itself is too small.</summary>
    public bool IsAbove { get; init; }

    /// <summary>For the sentence. Default none.</summary>
    public string? Unit { get; init; }

    /// <summary>For the sentence in place of "from MIN to MAX UNIT".</summary>
    public string? Says { get; init; }

    /// <summary>What a number must be, without "must be".</summary>
    internal string Text => Says ?? string.Create(CultureInfo.InvariantCulture,
        $"{(double.IsInfinity(max) ? "at least" : "from")} {min}{(double.IsInfinity(max) ? "" : $" to {OptionText.Word(max)}")}")
        + (Unit is null ? "" : $" {Unit}");

    internal bool Holds(double number) => number <= max && (IsAbove ? number > min : number >= min);
}
