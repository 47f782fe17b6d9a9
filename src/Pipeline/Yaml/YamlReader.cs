using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace StreamDiff.Pipeline.Yaml;

/// <summary>
/// YAML and JSON of people, read in two steps: the parser's events, which cost next to nothing, show how deep the text is nested and how
/// large it becomes where a part stands for another one (aliases); only what is small enough, and refers to nothing that holds it, is made
/// into nodes.
/// </summary>
public static class YamlReader
{
    /// <summary>Most bytes of a file.</summary>
    public const int LargestFile = 1 << 20;

    private const int Deepest = 16;
    private const int MostNodes = 50_000;
    private const int LongestText = 1 << 16;

    /// <exception cref="YamlException">The text is no YAML, or more than a configuration can mean; with its line.</exception>
    public static YamlStream Read(string text)
    {
        Check(text);
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return yaml;
    }

    private static void Check(string text)
    {
        var parser = new Parser(new StringReader(text));
        var sizes = new Dictionary<AnchorName, long>();
        // The collections that are open, with what they hold so far, aliases counted as what they stand for.
        var open = new Stack<(AnchorName Anchor, long Size)>();
        while (MoveNext(parser))
        {
            var item = parser.Current!;
            switch (item)
            {
                case MappingStart or SequenceStart:
                    if (open.Count == Deepest)
                        throw Wrong(item, $"it is nested deeper than {Deepest} levels");
                    open.Push((((NodeEvent)item).Anchor, 1));
                    break;
                case MappingEnd or SequenceEnd:
                    var (anchor, size) = open.Pop();
                    Close(item, anchor, size);
                    break;
                case YamlDotNet.Core.Events.Scalar scalar:
                    CheckText(scalar);
                    Close(item, scalar.Anchor, 1);
                    break;
                case AnchorAlias alias:
                    if (open.Any(o => o.Anchor == alias.Value))
                        throw Wrong(item, $"*{alias.Value} stands within what it refers to");
                    if (!sizes.TryGetValue(alias.Value, out var referred))
                        throw Wrong(item, $"*{alias.Value} refers to nothing");
                    Close(item, AnchorName.Empty, referred);
                    break;
                default:
                    break;
            }
        }

        void Close(ParsingEvent item, AnchorName anchor, long size)
        {
            if (!anchor.IsEmpty)
                sizes[anchor] = size;
            if (!open.TryPop(out var outer))
                return;
            var sum = outer.Size + size;
            if (sum > MostNodes)
                throw Wrong(item, $"it has more than {MostNodes} values");
            open.Push((outer.Anchor, sum));
        }
    }

    // On some damaged texts the library's scanner gives up without saying so.
    private static bool MoveNext(Parser parser)
    {
        try
        {
            return parser.MoveNext();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            var here = parser.Current?.End ?? Mark.Empty;
            throw new YamlException(here, here, "what follows is no value");
        }
    }

    private static void CheckText(YamlDotNet.Core.Events.Scalar scalar)
    {
        if (scalar.Value.Length > LongestText)
            throw Wrong(scalar, $"a value has {scalar.Value.Length} characters, at most {LongestText} are read");
        if (scalar.Value.Contains('\0', StringComparison.Ordinal))
            throw Wrong(scalar, "a value holds NUL");
        for (var i = 0; i < scalar.Value.Length; i++)
            if (char.IsSurrogate(scalar.Value[i]) && (!char.IsSurrogatePair(scalar.Value, i++)))
                throw Wrong(scalar, "a value holds half a surrogate pair");
    }

    private static YamlException Wrong(ParsingEvent item, string what) => new(item.Start, item.End, what);
}
