using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamDiff.Models.Wheels;

/// <summary>A wheel's file name: <c>NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl</c> (Python Packaging User Guide, "Binary distribution
/// format").</summary>
/// <param name="Package">In normal form: lower case, words joined by hyphens (PEP 503).</param>
/// <param name="Version">Without the local part.</param>
/// <param name="Local">What follows the plus sign of a version, such as cu130; empty for none.</param>
/// <param name="Python">Such as cp312, or py3.</param>
/// <param name="Platform">Such as manylinux_2_28_x86_64, or any.</param>
internal sealed partial record WheelName(string Package, string Version, string Local, string Python, string Platform)
{
    /// <summary>True where its libraries are for Linux on x86-64, or it has none.</summary>
    public bool FitsHere => Platform == "any" || Platform.Contains("linux", StringComparison.Ordinal)
        && Platform.Contains("x86_64", StringComparison.Ordinal);

    /// <summary>Reads a file's name; null where it is none of a wheel.</summary>
    public static WheelName? Of(string file)
    {
        if (!file.EndsWith(".whl", StringComparison.OrdinalIgnoreCase))
            return null;
        var parts = file[..^".whl".Length].Split('-');
        if (parts.Length is not (5 or 6))
            return null;
        var version = parts[1].Split('+', 2);
        return new WheelName(Normal(parts[0]), version[0], version.Length > 1 ? version[1] : "", parts[^3], parts[^1]);
    }

    /// <summary>A package's name in normal form.</summary>
    public static string Normal(string name) => Separators().Replace(name, "-").ToLowerInvariant();

    /// <summary>Orders versions by their numbers (PEP 440, releases only): later ones are larger.</summary>
    public static int Compare(string a, string b)
    {
        var (left, right) = (Numbers(a), Numbers(b));
        for (var i = 0; i < Math.Max(left.Length, right.Length); i++)
            if (left.ElementAtOrDefault(i).CompareTo(right.ElementAtOrDefault(i)) is not 0 and var order)
                return order;
        return 0;
    }

    private static long[] Numbers(string version) => [.. Digits().Matches(version).Select(
        m => long.TryParse(m.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : long.MaxValue)];

    [GeneratedRegex("[-_.]+")]
    private static partial Regex Separators();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
