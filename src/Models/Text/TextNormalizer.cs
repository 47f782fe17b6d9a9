using System.Buffers;
using System.Text;

namespace StreamDiff.Models.Text;

/// <summary>
/// Turns text into what the pieces are made of: characters mapped (NFKC and more), runs of spaces joined, spaces written as U+2581.
/// </summary>
internal sealed class TextNormalizer
{
    private readonly SentencePieceModel _model;
    private readonly CharacterMap _map;
    private readonly PieceTrie? _userDefined;

    public TextNormalizer(SentencePieceModel model)
    {
        _model = model;
        _map = new CharacterMap(model.CharacterMap);
        for (var id = 0; id < model.Pieces.Count; id++)
            if (model.Types[id] == PieceType.UserDefined)
                (_userDefined ??= new PieceTrie(0)).Add(model.Pieces[id], id);
    }

    private static ReadOnlySpan<byte> EscapedSpace => "\u2581"u8;

    public byte[] Normalize(string text)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        var output = new ArrayBufferWriter<byte>(rest.Length + 16);
        var trims = _model.RemoveExtraWhitespaces;
        while (trims && !rest.IsEmpty)
        {
            var used = Prefix(rest, out var piece);
            if (!piece.SequenceEqual(" "u8))
                break;
            rest = rest[used..];
        }
        if (rest.IsEmpty)
            return [];

        if (_model.AddDummyPrefix)
            Append(output, " "u8);
        var afterSpace = trims;
        while (!rest.IsEmpty)
        {
            var used = Prefix(rest, out var piece);
            while (afterSpace && piece.StartsWith(" "u8))
                piece = piece[1..];
            if (!piece.IsEmpty)
            {
                Append(output, piece);
                afterSpace = piece.EndsWith(" "u8);
            }
            rest = rest[used..];
            if (!trims)
                afterSpace = false;
        }
        return trims ? WithoutTrailingSpaces(output.WrittenSpan).ToArray() : output.WrittenSpan.ToArray();
    }

    // One step of the input: how much is used, and what it becomes.
    private int Prefix(ReadOnlySpan<byte> input, out ReadOnlySpan<byte> piece)
    {
        var symbol = UserDefinedLength(input);
        if (symbol > 0)
        {
            piece = input[..symbol];
            return symbol;
        }
        var (length, replacement) = _map.Longest(input);
        if (length > 0)
        {
            piece = replacement.Span;
            return length;
        }
        length = Utf8.CharacterLength(input);
        piece = input[..length];
        return length;
    }

    private int UserDefinedLength(ReadOnlySpan<byte> input)
    {
        if (_userDefined is null)
            return 0;
        var (longest, node) = (0, 0);
        for (var i = 0; i < input.Length && (node = _userDefined.Child(node, input[i])) >= 0; i++)
            if (_userDefined.Id(node) >= 0)
                longest = i + 1;
        return longest;
    }

    private void Append(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> piece)
    {
        foreach (var b in piece)
        {
            if (_model.EscapeWhitespaces && b == ' ')
                output.Write(EscapedSpace);
            else
                output.Write([b]);
        }
    }

    private ReadOnlySpan<byte> WithoutTrailingSpaces(ReadOnlySpan<byte> text)
    {
        var space = _model.EscapeWhitespaces ? EscapedSpace : " "u8;
        while (text.EndsWith(space))
            text = text[..^space.Length];
        return text;
    }
}

/// <summary>UTF-8 by its lead bytes.</summary>
internal static class Utf8
{
    /// <summary>Bytes of the first character, no more than there are.</summary>
    public static int CharacterLength(ReadOnlySpan<byte> text)
    {
        var length = text[0] switch { < 0xc0 => 1, < 0xe0 => 2, < 0xf0 => 3, _ => 4 };
        return Math.Min(length, text.Length);
    }
}
