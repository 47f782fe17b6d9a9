using System.Collections.Immutable;
using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>
/// A trained cascade of local binary patterns in the file format of OpenCV (Liao et al., "Learning Multi-scale Block Local Binary Patterns
/// for Face Recognition", 2007; cascades after Viola and Jones, 2001). The files themselves are not part of the program: Debian has them in
/// opencv-data.
/// </summary>
internal sealed class FaceCascade
{
    /// <summary>Environment variable that names such a file in place of the usual ones.</summary>
    public const string FileVariable = "STREAMDIFF_FACES";

    private const string Usual = "lbpcascade_frontalface_improved.xml";
    private const long LargestFile = 8 << 20;
    private const int LargestWindow = 128;
    private const int MostParts = 100_000;

    private static readonly string[] Folders =
        ["/usr/share/opencv4/lbpcascades", "/usr/local/share/opencv4/lbpcascades", "/usr/share/opencv/lbpcascades"];

    private static FaceCascade? _default;

    private FaceCascade(int width, int height, ImmutableArray<Stage> stages) => (Width, Height, Stages) = (width, height, stages);

    /// <summary>Pixels of the window that it judges.</summary>
    public int Width { get; }

    /// <summary>Rows of the window.</summary>
    public int Height { get; }

    public ImmutableArray<Stage> Stages { get; }

    /// <summary>Why no face can be found here, in one line; null where one can.</summary>
    public static string? Problem
    {
        get
        {
            try
            {
                _ = Default;
                return null;
            }
            catch (ControlException e)
            {
                return e.Message;
            }
        }
    }

    /// <summary>The one of this machine.</summary>
    /// <exception cref="ControlException">There is none, or it cannot be used.</exception>
    public static FaceCascade Default => _default ??= Read(Find());

    /// <summary>Reads a file.</summary>
    /// <exception cref="ControlException">It cannot be read, or is no cascade of local binary patterns.</exception>
    public static FaceCascade Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LargestFile)
                throw new FormatException("it is too large for one");
            // Made by people, for all that is known.
            using var reader = XmlReader.Create(file, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            return Of(XDocument.Load(reader).Root?.Element("cascade") ?? throw new FormatException("it has no cascade"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ControlException($"face cascade {path} cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (e is FormatException or XmlException or OverflowException)
        {
            throw new ControlException($"{path} is no face cascade of local binary patterns (LBP): {e.Message}", e);
        }
    }

    private static string Find() =>
        Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } given ? given
        : Folders.Select(f => Path.Combine(f, Usual)).FirstOrDefault(File.Exists)
            ?? throw new ControlException(
                $"region face needs Debian's package opencv-data (apt-get install opencv-data), or {FileVariable}=FILE that names a "
                    + $"cascade such as {Usual}");

    private static FaceCascade Of(XElement cascade)
    {
        if (cascade.Element("featureType")?.Value.Trim() is var kind && kind != "LBP")
            throw new FormatException($"its features are {kind ?? "not named"}");
        var (width, height) = (Whole(cascade, "width"), Whole(cascade, "height"));
        if (width is < 3 or > LargestWindow || height is < 3 or > LargestWindow)
            throw new FormatException($"its window is {width}x{height}");
        var rects = cascade.Element("features")?.Elements("_").Take(MostParts).Select(f => Numbers(f.Element("rect"))).ToList() ?? [];
        foreach (var rect in rects)
            if (rect.Length < 4 || rect.Any(n => n is < 0 or > LargestWindow) || rect[2] < 1 || rect[3] < 1
                || rect[0] + 3 * rect[2] > width || rect[1] + 3 * rect[3] > height)
                throw new FormatException("a feature lies outside of its window");
        var stages = cascade.Element("stages")?.Elements("_").Take(MostParts).Select(s => new Stage(
            Number(s.Element("stageThreshold")?.Value),
            [.. (s.Element("weakClassifiers")?.Elements("_") ?? []).Take(MostParts).Select(w => Weak(w, rects))])).ToImmutableArray();
        return stages is { Length: > 0 } found ? new FaceCascade(width, height, found) : throw new FormatException("it has no stages");
    }

    private static Part Weak(XElement part, List<int[]> rects)
    {
        // Left, right, feature, and a bit for each of 256 patterns; only stumps are trained.
        var nodes = Numbers(part.Element("internalNodes"));
        var leaves = (part.Element("leafValues")?.Value ?? "").Split(default(char[]), StringSplitOptions.RemoveEmptyEntries);
        if (nodes.Length != 3 + 8 || leaves.Length != 2 || nodes[2] < 0 || nodes[2] >= rects.Count)
            throw new FormatException("a part of it is no stump of local binary patterns");
        var rect = rects[nodes[2]];
        return new Part(
            rect[0], rect[1], rect[2], rect[3], [.. nodes[3..].Select(n => unchecked((uint)n))], Number(leaves[0]), Number(leaves[1]));
    }

    private static int[] Numbers(XElement? element) =>
        [.. (element?.Value ?? "").Split(default(char[]), StringSplitOptions.RemoveEmptyEntries).Select(ToWhole)];

    // Some are written as 3. for 3.
    private static int ToWhole(string text) => checked((int)double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture));

    private static int Whole(XElement parent, string name) =>
        Numbers(parent.Element(name)) is [var value] ? value : throw new FormatException($"its {name} is missing");

    private static float Number(string? text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && float.IsFinite(value)
            ? value
            : throw new FormatException("a number is missing");

    /// <summary>What all must pass to be looked at further.</summary>
    /// <param name="Threshold">Least sum of its parts.</param>
    /// <param name="Parts">What it adds up.</param>
    public readonly record struct Stage(float Threshold, ImmutableArray<Part> Parts);

    /// <summary>Nine blocks, those around the middle one brighter than it or not.</summary>
    /// <param name="X">Of the first block.</param>
    /// <param name="Y">The same.</param>
    /// <param name="Width">Of a block.</param>
    /// <param name="Height">The same.</param>
    /// <param name="Patterns">A bit for each of 256 patterns.</param>
    /// <param name="Among">Its value for patterns whose bit is set.</param>
    /// <param name="Other">For all others.</param>
    public readonly record struct Part(int X, int Y, int Width, int Height, ImmutableArray<uint> Patterns, float Among, float Other);
}
