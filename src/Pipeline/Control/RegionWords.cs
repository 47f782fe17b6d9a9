using System.Globalization;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control;

/// <summary>Regions and colours in control lines.</summary>
internal static class RegionWords
{
    private const double UsualTolerance = 0.2;
    private const int LongestMask = 2048;
    private const int MostMaps = 64;

    /// <summary>What follows the word region.</summary>
    /// <exception cref="FormatException">It is not understood.</exception>
    public static ControlChange Read(ControlWords words)
    {
        if (words.TryTake("off"))
            return new RegionChange(null);
        var form = words.Word("rect, ellipse, map, mask, face or off").ToLowerInvariant();
        return form switch
        {
            "rect" => new RegionChange(Look(Placed(RegionShape.Rectangle, words), words)),
            "ellipse" => new RegionChange(Look(Placed(RegionShape.Ellipse, words), words)),
            "map" => new RegionChange(Look(Map(words), words)),
            "mask" => Mask(words),
            "face" => new RegionFollowChange(null, Look(new RegionMap(RegionShape.Ellipse), words)),
            _ => throw new FormatException(
                $"a region is rect, ellipse, map, mask, face or off, not '{(form.Length <= 40 ? form : form[..40])}'"),
        };
    }

    /// <summary>What follows the word region of one that follows something.</summary>
    public static string Format(RegionFollowChange change)
    {
        var source = change.Mask is { } mask ? $"mask {ControlLine.Quoted(mask)}{(change.IsHeld ? " hold" : "")}" : "face";
        return source + change.Look.Options;
    }

    private static RegionFollowChange Mask(ControlWords words)
    {
        var mask = words.QuotedText() ?? words.Word("a mask, such as a file,");
        if (mask.Length is 0 or > LongestMask)
            throw new FormatException($"a mask's address has 1 to {LongestMask} characters");
        var isHeld = words.TryTake("hold");
        return new RegionFollowChange(mask, Look(new RegionMap(RegionShape.Map), words), isHeld);
    }

    private static RegionMap Look(RegionMap region, ControlWords words)
    {
        while (!words.IsAtEnd)
            region = words.TryTake("feather") ? region with { Feather = words.Number("feather", 0, 1) }
                : words.TryTake("inside") ? region with { Inside = words.Number("inside", 0, 1) }
                : words.TryTake("outside") ? region with { Outside = words.Number("outside", 0, 1) }
                : words.TryTake("exact") ? region with { IsExact = true }
                : throw new FormatException($"'{words.Word("a word")}' is not understood after region");
        return region;
    }

    /// <summary>What follows the word key.</summary>
    /// <exception cref="FormatException">It is not understood.</exception>
    public static KeyChange Key(ControlWords words)
    {
        if (words.TryTake("off"))
            return new KeyChange(null);
        var text = words.Word("a colour, such as 00ff00,");
        if (text.Length != 6 || !int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var rgb))
            throw new FormatException(
                $"a colour is six hexadecimal digits, such as 00ff00, not '{(text.Length <= 40 ? text : text[..40])}'");
        return new KeyChange(new KeyColor(rgb, words.TryTake("tolerance") ? words.Number("tolerance", 0, 1) : UsualTolerance));
    }

    // Partly outside of the picture is well, for who follows a pointer.
    private static RegionMap Placed(RegionShape shape, ControlWords words) => new(
        shape, words.Number("x", -1, 2), words.Number("y", -1, 2), words.Number("width", 0, 2), words.Number("height", 0, 2));

    private static RegionMap Map(ControlWords words)
    {
        var sides = words.Word("a map's size, such as 32x18,").Split('x')
            .Select(t => int.TryParse(t, NumberStyles.None, CultureInfo.InvariantCulture, out var side) ? side : 0).ToArray();
        if (sides.Length is not (2 or 3) || sides.Any(s => s < 1) || sides.Take(2).Any(s => s > RegionMap.LargestMap)
            || sides.Skip(2).Any(s => s > MostMaps))
            throw new FormatException(
                $"a map has 1x1 to {RegionMap.LargestMap}x{RegionMap.LargestMap} places, and x{MostMaps} frames at most");
        var isPacked = words.TryTake("packed");
        var text = words.QuotedText() ?? words.Word("a map's shares in Base64");
        var count = sides.Aggregate(1, (all, side) => all * side);
        var read = new byte[text.Length];
        var bytes = !Convert.TryFromBase64String(text, read, out var length) ? null
            : isPacked ? RegionMap.Unpacked(read[..length], count) : length == count ? read[..length] : null;
        return bytes is not null
            ? new RegionMap(RegionShape.Map)
            {
                MapSize = (sides[0], sides[1]),
                Frames = sides.Length > 2 ? sides[2] : 1,
                Map = Convert.ToBase64String(bytes),
            }
            : throw new FormatException(
                $"a map of {string.Join('x', sides)} has {count} bytes in Base64{(isPacked ? ", deflated" : "")}");
    }
}
