using System.Text;
using StreamDiff.Models.Files;

namespace StreamDiff.Models.Text;

/// <summary>Kinds of pieces, as sentencepiece_model.proto numbers them.</summary>
internal enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>
/// What a SentencePiece model file says (sentencepiece_model.proto of github.com/google/sentencepiece): pieces, their scores, and how text
/// is normalised.
/// </summary>
internal sealed class SentencePieceModel
{
    private const int LargestFile = 256 << 20;
    private const int Unigram = 1;
    // The largest public vocabularies have a quarter of a million pieces.
    private const int MostPieces = 4_000_000;

    public List<byte[]> Pieces { get; } = [];

    public List<float> Scores { get; } = [];

    public List<PieceType> Types { get; } = [];

    public bool ByteFallback { get; private set; }

    public byte[] CharacterMap { get; private set; } = [];

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespaces { get; private set; } = true;

    public bool EscapeWhitespaces { get; private set; } = true;

    /// <exception cref="ModelException">The file is missing, damaged or holds no unigram model.</exception>
    public static SentencePieceModel Read(string path)
    {
        byte[] data;
        try
        {
            data = BoundedFile.Read(path, LargestFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"cannot read the tokenizer {path}: {e.Message}", e);
        }
        try
        {
            return Parse(data);
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw new ModelException($"{path} is not a SentencePiece unigram model, or is damaged: {e.Message}", e);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are no unigram model.</exception>
    public static SentencePieceModel Parse(ReadOnlySpan<byte> data)
    {
        var model = new SentencePieceModel();
        var reader = new ProtobufReader(data);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    model.ReadPiece(reader.ReadBytes());
                    break;
                case 2:
                    model.ReadTrainer(reader.ReadBytes());
                    break;
                case 3:
                    model.ReadNormalizer(reader.ReadBytes());
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (!model.Types.Contains(PieceType.Normal))
            throw new InvalidDataException("it holds no pieces");
        if (model.Types.Count(t => t == PieceType.Unknown) != 1)
            throw new InvalidDataException("it must hold one piece for unknown text");
        return model;
    }

    private void ReadPiece(ReadOnlySpan<byte> data)
    {
        if (Pieces.Count == MostPieces)
            throw new InvalidDataException("it has too many pieces");
        byte[] piece = [];
        var score = 0f;
        var type = PieceType.Normal;
        var reader = new ProtobufReader(data);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    piece = reader.ReadBytes().ToArray();
                    break;
                case 2:
                    score = reader.ReadFloat();
                    break;
                case 3:
                    type = (PieceType)reader.ReadInteger();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (piece.Length == 0 || float.IsNaN(score) || !Enum.IsDefined(type))
            throw new InvalidDataException($"piece {Pieces.Count} is malformed");
        if (type == PieceType.Byte && !IsByteName(piece))
            throw new InvalidDataException($"piece {Pieces.Count} is not the name of a byte");
        Pieces.Add(piece);
        Scores.Add(score);
        Types.Add(type);
    }

    private void ReadTrainer(ReadOnlySpan<byte> data)
    {
        var reader = new ProtobufReader(data);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3:
                    if (reader.ReadInteger() is var kind && kind != Unigram)
                        throw new InvalidDataException($"its kind is {kind}, not unigram");
                    break;
                case 35:
                    ByteFallback = reader.ReadInteger() != 0;
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    private void ReadNormalizer(ReadOnlySpan<byte> data)
    {
        var reader = new ProtobufReader(data);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 2:
                    CharacterMap = reader.ReadBytes().ToArray();
                    break;
                case 3:
                    AddDummyPrefix = reader.ReadInteger() != 0;
                    break;
                case 4:
                    RemoveExtraWhitespaces = reader.ReadInteger() != 0;
                    break;
                case 5:
                    EscapeWhitespaces = reader.ReadInteger() != 0;
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    /// <summary>The byte that a name such as &lt;0x41&gt; stands for.</summary>
    public static byte ByteOf(ReadOnlySpan<byte> name) => Convert.FromHexString(Encoding.ASCII.GetString(name[3..5]))[0];

    private static bool IsByteName(ReadOnlySpan<byte> name) =>
        name.Length == 6 && name.StartsWith("<0x"u8) && name[5] == '>' && char.IsAsciiHexDigit((char)name[3])
        && char.IsAsciiHexDigit((char)name[4]);
}
