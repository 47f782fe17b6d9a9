using System.Globalization;

namespace StreamDiff.Pipeline.Stream;

/// <summary>The form of a region.</summary>
public enum RegionShape
{
    /// <summary>X, Y are its upper left corner, Width and Height its sides.</summary>
    Rectangle,

    /// <summary>X, Y are its middle, Width and Height its half axes.</summary>
    Ellipse,

    /// <summary>A picture of how much of each place is in it, such as a brush paints.</summary>
    Map,
}

/// <summary>
/// Where a picture is repainted, and how strongly. Places are shares of the picture's sides from its upper left corner, 0 to 1.
/// </summary>
/// <param name="Shape">The form.</param>
/// <param name="X">See <see cref="Shape"/>.</param>
/// <param name="Y">See <see cref="Shape"/>.</param>
/// <param name="Width">See <see cref="Shape"/>.</param>
/// <param name="Height">See <see cref="Shape"/>.</param>
public sealed record RegionMap(RegionShape Shape, double X = 0, double Y = 0, double Width = 1, double Height = 1)
{
    /// <summary>Most rows and columns of a map.</summary>
    public const int LargestMap = 96;

    private byte[]? _bytes;
    private (int Width, int Height, float[] Values)? _drawn;

    /// <summary>Width of the soft edge, as a share of the picture's height; half of it lies inside. Default 0.1.</summary>
    public double Feather { get; init; } = 0.1;

    /// <summary>How strongly it is repainted inside, 0 to 1. Default 1.</summary>
    public double Inside { get; init; } = 1;

    /// <summary>The same outside. Default 0: it stays as it came, as far as the autoencoder can.</summary>
    public double Outside { get; init; }

    /// <summary>True puts the input's own pixels outside. Default false.</summary>
    public bool IsExact { get; init; }

    /// <summary>Columns and rows of a map.</summary>
    public (int Columns, int Rows) MapSize { get; init; }

    /// <summary>A map's shares, 0 to 255, row by row, in Base64.</summary>
    public string Map { get; init; } = "";

    /// <summary>How much of a place is in it, 0 to 1.</summary>
    /// <param name="x">0 to 1.</param>
    /// <param name="y">0 to 1.</param>
    /// <param name="aspect">The picture's width by its height.</param>
    public double Covers(double x, double y, double aspect)
    {
        if (Shape == RegionShape.Map)
            return MapAt(x, y);
        // How far inside the edge, in heights.
        double depth;
        if (Shape == RegionShape.Rectangle)
            depth = Math.Min(
                Math.Min(x - X, X + Width - x) * aspect,
                Math.Min(y - Y, Y + Height - y));
        else
        {
            var (dx, dy) = ((x - X) / Math.Max(Width, 1e-6), (y - Y) / Math.Max(Height, 1e-6));
            depth = (1 - Math.Sqrt(dx * dx + dy * dy)) * Math.Min(Width * aspect, Height);
        }
        if (Feather <= 0)
            return depth >= 0 ? 1 : 0;
        var share = Math.Clamp(depth / Feather + 0.5, 0, 1);
        return share * share * (3 - 2 * share);
    }

    /// <summary>The same for each place of a picture, row by row; kept until another size is asked for.</summary>
    public float[] Draw(int width, int height, double aspect)
    {
        if (_drawn is var (w, h, known) && w == width && h == height)
            return known;
        var values = new float[width * height];
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                values[row * width + column] = (float)Covers((column + 0.5) / width, (row + 0.5) / height, aspect);
        _drawn = (width, height, values);
        return values;
    }

    /// <summary>As control lines write it.</summary>
    public override string ToString()
    {
        var form = Shape switch
        {
            RegionShape.Rectangle => string.Create(CultureInfo.InvariantCulture, $"rect {X} {Y} {Width} {Height}"),
            RegionShape.Ellipse => string.Create(CultureInfo.InvariantCulture, $"ellipse {X} {Y} {Width} {Height}"),
            _ => $"map {MapSize.Columns}x{MapSize.Rows} {Map}",
        };
        return form + string.Create(
            CultureInfo.InvariantCulture,
            $"{(Feather == 0.1 ? "" : $" feather {Feather}")}{(Inside == 1 ? "" : $" inside {Inside}")}"
                + $"{(Outside == 0 ? "" : $" outside {Outside}")}{(IsExact ? " exact" : "")}");
    }

    /// <summary>By what it is, not by what was drawn of it.</summary>
    public bool Equals(RegionMap? other) => other is not null && (Shape, X, Y, Width, Height, Feather, Inside) ==
        (other.Shape, other.X, other.Y, other.Width, other.Height, other.Feather, other.Inside)
        && (Outside, IsExact, MapSize, Map) == (other.Outside, other.IsExact, other.MapSize, other.Map);

    public override int GetHashCode() => HashCode.Combine(Shape, X, Y, Width, Height, Map);

    private double MapAt(double x, double y)
    {
        _bytes ??= Convert.FromBase64String(Map);
        var (columns, rows) = MapSize;
        var (u, v) = (Math.Clamp(x * columns - 0.5, 0, columns - 1), Math.Clamp(y * rows - 0.5, 0, rows - 1));
        var (left, top) = ((int)u, (int)v);
        var (right, bottom) = (Math.Min(left + 1, columns - 1), Math.Min(top + 1, rows - 1));
        double At(int column, int row) => _bytes[row * columns + column] / 255.0;
        double Between(int row) => At(left, row) + (At(right, row) - At(left, row)) * (u - left);
        return Between(top) + (Between(bottom) - Between(top)) * (v - top);
    }
}
