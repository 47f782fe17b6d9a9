using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamDiff.Models.Loras;

/// <summary>A LoRA as a user names it: a safetensors file and how strongly it is applied.</summary>
/// <param name="Path">The file.</param>
/// <param name="Strength">
/// Factor of what it adds to the weights, <see cref="Least"/> to <see cref="Most"/>; 0 adds nothing. Default 1.
/// </param>
public sealed partial record LoraChoice(string Path, double Strength = 1)
{
    /// <summary>The smallest strength.</summary>
    public const double Least = -10;

    /// <summary>The largest strength.</summary>
    public const double Most = 10;

    /// <summary>The file's name without its extension: how controls and reports name it.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Reads <c>FILE</c> or <c>FILE:STRENGTH</c>. A file whose whole name ends like a strength is meant where it exists.</summary>
    /// <exception cref="FormatException">The strength cannot be; the message ends the sentence "lora ...".</exception>
    public static LoraChoice Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 0 || File.Exists(text) || !Number().IsMatch(text.AsSpan(colon + 1)))
            return text.Length > 0 ? new LoraChoice(text) : throw new FormatException("needs a file, such as ink.safetensors:0.8");
        if (colon == 0)
            throw new FormatException($"needs a file before its strength, such as ink{text}");
        var strength = double.Parse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture);
        return Problem(strength) is { } problem ? throw new FormatException(problem) : new LoraChoice(text[..colon], strength);
    }

    /// <summary>Why a strength cannot be, as the end of the sentence "lora ..."; null where it can.</summary>
    public static string? Problem(double strength) => strength is >= Least and <= Most
        ? null
        : FormattableString.Invariant($"strength must be from {Least} to {Most}, not {strength}");

    /// <summary>As <see cref="Parse"/> reads it, to the last bit.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Path}:{Strength:R}");

    [GeneratedRegex(@"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\z")]
    private static partial Regex Number();
}
