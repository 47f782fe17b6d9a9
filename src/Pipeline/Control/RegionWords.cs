using System.Globalization;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control;

/// <summary>Regions and colours in control lines.</summary>
internal static class RegionWords
{
    private const double UsualTolerance = 0.2;

    /// <summary>What follows the word region.</summary>
    /// <exception cref="FormatException">It is not understood.</exception>
    public static RegionChange Read(ControlWords words)
    {
        if (words.TryTake("off"))
            return new RegionChange(null);
        var form = words.Word("rect, ellipse, map or off").ToLowerInvariant();
        var region = form switch
        {
            "rect" => Placed(RegionShape.Rectangle, words),
            "ellipse" => Placed(RegionShape.Ellipse, words),
            "map" => Map(words),
            _ => throw new FormatException($"a region is rect, ellipse, map or off, not '{(form.Length <= 40 ? form : form[..40])}'"),
        };
        while (!words.IsAtEnd)
            region = words.TryTake("feather") ? region with { Feather = words.Number("feather", 0, 1) }
                : words.TryTake("inside") ? region with { Inside = words.Number("inside", 0, 1) }
                : words.TryTake("outside") ? region with { Outside = words.Number("outside", 0, 1) }
                : words.TryTake("exact") ? region with { IsExact = true }
                : throw new FormatException($"'{words.Word("a word")}' is not understood after region");
        return new RegionChange(region);
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
        var size = words.Word("a map's size, such as 32x18,").Split('x');
        if (size.Length != 2 || !int.TryParse(size[0], NumberStyles.None, CultureInfo.InvariantCulture, out var columns)
            || !int.TryParse(size[1], NumberStyles.None, CultureInfo.InvariantCulture, out var rows) || columns < 1 || rows < 1
            || columns > RegionMap.LargestMap || rows > RegionMap.LargestMap)
            throw new FormatException($"a map has 1x1 to {RegionMap.LargestMap}x{RegionMap.LargestMap} places");
        var text = words.QuotedText() ?? words.Word("a map's shares in Base64");
        var bytes = new byte[columns * rows + 3];
        return Convert.TryFromBase64String(text, bytes, out var count) && count == columns * rows
            ? new RegionMap(RegionShape.Map) { MapSize = (columns, rows), Map = Convert.ToBase64String(bytes, 0, count), Feather = 0.1 }
            : throw new FormatException($"a map of {columns}x{rows} has {columns * rows} bytes in Base64");
    }
}
