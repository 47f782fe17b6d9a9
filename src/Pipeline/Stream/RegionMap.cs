using System.Globalization;
using System.IO.Compression;

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

    // Shorter ones are not worth it.
    private const int LeastPacked = 256;

    private byte[]? _bytes;
    private (int Width, int Height, int Frame, float[] Values)? _drawn;

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

    /// <summary>Maps that follow each other within a chunk, spread evenly over its frames. Default 1.</summary>
    public int Frames { get; init; } = 1;

    /// <summary>A map's shares, 0 to 255, row by row, those of later frames behind those of earlier ones, in Base64.</summary>
    public string Map { get; init; } = "";

    /// <summary>How much of a place is in it, 0 to 1; of a map that of its first frame.</summary>
    /// <param name="x">0 to 1.</param>
    /// <param name="y">0 to 1.</param>
    /// <param name="aspect">The picture's width by its height.</param>
    public double Covers(double x, double y, double aspect)
    {
        if (Shape == RegionShape.Map)
            return OfMap(1, 1, 0, (x, y))[0];
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

    /// <summary>The same for each place of a picture, row by row; kept until another is asked for. For one thread.</summary>
    /// <param name="width">Places a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="frame">Which of the maps, from 0.</param>
    public float[] Draw(int width, int height, int frame = 0)
    {
        if (_drawn is var (w, h, f, known) && w == width && h == height && f == frame)
            return known;
        var values = Drawn(width, height, frame);
        _drawn = (width, height, frame, values);
        return values;
    }

    /// <summary>The same, not kept.</summary>
    internal float[] Drawn(int width, int height, int frame)
    {
        if (Shape == RegionShape.Map)
            return OfMap(width, height, frame);
        var values = new float[width * height];
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                values[row * width + column] = (float)Covers((column + 0.5) / width, (row + 0.5) / height, (double)width / height);
        return values;
    }

    /// <summary>Which of the maps a frame of a chunk has.</summary>
    /// <param name="frame">The frame, from 0.</param>
    /// <param name="count">Frames of the chunk.</param>
    public int FrameOf(int frame, int count) => Math.Min(Frames - 1, (int)((long)frame * Frames / Math.Max(1, count)));

    /// <summary>As control lines write it.</summary>
    public override string ToString()
    {
        var form = Shape switch
        {
            RegionShape.Rectangle => string.Create(CultureInfo.InvariantCulture, $"rect {X} {Y} {Width} {Height}"),
            RegionShape.Ellipse => string.Create(CultureInfo.InvariantCulture, $"ellipse {X} {Y} {Width} {Height}"),
            _ => $"map {MapSize.Columns}x{MapSize.Rows}{(Frames == 1 ? "" : $"x{Frames}")} {Packed()}",
        };
        return form + Options;
    }

    /// <summary>What stands behind the form in control lines.</summary>
    internal string Options => string.Create(
        CultureInfo.InvariantCulture,
        $"{(Feather == 0.1 ? "" : $" feather {Feather}")}{(Inside == 1 ? "" : $" inside {Inside}")}"
            + $"{(Outside == 0 ? "" : $" outside {Outside}")}{(IsExact ? " exact" : "")}");

    /// <summary>A map of such shares.</summary>
    /// <param name="columns">1 to <see cref="LargestMap"/>.</param>
    /// <param name="rows">The same.</param>
    /// <param name="frames">Maps that follow each other; those that are all alike become one.</param>
    internal static RegionMap OfShares(int columns, int rows, IReadOnlyList<byte[]> frames)
    {
        if (frames.Skip(1).All(f => f.AsSpan().SequenceEqual(frames[0])))
            frames = [frames[0]];
        return new RegionMap(RegionShape.Map)
        {
            MapSize = (columns, rows),
            Frames = frames.Count,
            Map = Convert.ToBase64String([.. frames.SelectMany(f => f)]),
        };
    }

    /// <summary>The shares of a packed map; null where they are damaged or not as many as they should be.</summary>
    internal static byte[]? Unpacked(byte[] packed, int count)
    {
        try
        {
            using var reader = new DeflateStream(new MemoryStream(packed), CompressionMode.Decompress);
            var bytes = new byte[count + 1];
            return reader.ReadAtLeast(bytes, count + 1, throwOnEndOfStream: false) == count ? bytes[..count] : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>By what it is, not by what was drawn of it.</summary>
    public bool Equals(RegionMap? other) => other is not null && (Shape, X, Y, Width, Height, Feather, Inside) ==
        (other.Shape, other.X, other.Y, other.Width, other.Height, other.Feather, other.Inside)
        && (Outside, IsExact, MapSize, Frames, Map) == (other.Outside, other.IsExact, other.MapSize, other.Frames, other.Map);

    public override int GetHashCode() => HashCode.Combine(Shape, X, Y, Width, Height, Map);

    private string Packed()
    {
        var bytes = Bytes;
        if (bytes.Length < LeastPacked)
            return Map;
        using var packed = new MemoryStream();
        using (var writer = new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            writer.Write(bytes);
        return packed.Length < bytes.Length ? $"packed {Convert.ToBase64String(packed.GetBuffer(), 0, (int)packed.Length)}" : Map;
    }

    // Two threads may ask: each gets the same.
    private byte[] Bytes => _bytes ??= Convert.FromBase64String(Map);

    // Places of a picture, or a single one of it, between those of the map.
    private float[] OfMap(int width, int height, int frame, (double X, double Y)? place = null)
    {
        var (columns, rows) = MapSize;
        var shares = Bytes.AsSpan(frame * columns * rows, columns * rows);
        var values = new float[width * height];
        var line = new float[columns];
        for (var row = 0; row < height; row++)
        {
            var (top, down) = Near(place?.Y ?? (row + 0.5) / height, rows);
            var above = shares.Slice(top * columns, columns);
            var below = shares.Slice(Math.Min(top + 1, rows - 1) * columns, columns);
            for (var column = 0; column < columns; column++)
                line[column] = (above[column] + (below[column] - above[column]) * down) / 255;
            for (var column = 0; column < width; column++)
            {
                var (left, right) = Near(place?.X ?? (column + 0.5) / width, columns);
                values[row * width + column] = line[left] + (line[Math.Min(left + 1, columns - 1)] - line[left]) * right;
            }
        }
        return values;
    }

    private static (int First, float Share) Near(double place, int count)
    {
        var at = Math.Clamp(place * count - 0.5, 0, count - 1);
        return ((int)at, (float)(at - (int)at));
    }
}
