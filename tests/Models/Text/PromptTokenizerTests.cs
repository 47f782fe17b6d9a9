using StreamDiff.Models.Text;

namespace StreamDiff.Models.Tests.Text;

public sealed class PromptTokenizerTests
{
    private static readonly SentencePieceTokenizer Pieces = SentencePieceTokenizer.Load(
        Golden.Path("checkpoints", "google", "umt5-xxl", "spiece.model"));

    [Fact]
    public void Tokenize_ShortPrompt_EndsWithTheMarkAndIsPadded()
    {
        var tokens = new PromptTokenizer(Pieces, 16).Tokenize("a fox");
        var pieces = Pieces.Encode("a fox");
        Assert.Equal(pieces.Length + 1, tokens.Length);
        Assert.Equal(
        [
            .. pieces.Select(p => (long)p),
            PromptTokenizer.EndId,
            .. Enumerable.Repeat((long)PromptTokenizer.PaddingId, 16 - tokens.Length),
        ], tokens.Ids);
        Assert.False(tokens.Truncated);
    }

    [Fact]
    public void Tokenize_TenThousandWords_KeepsTheEndMark()
    {
        var tokens = new PromptTokenizer(Pieces, 64).Tokenize(string.Join(' ', Enumerable.Repeat("watercolor", 10_000)));
        Assert.Equal((64, 64, PromptTokenizer.EndId, true), (tokens.Ids.Length, tokens.Length, (int)tokens.Ids[^1], tokens.Truncated));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \t\n ")]
    public void Tokenize_NothingToSay_IsTheEndMarkAlone(string prompt) =>
        Assert.Equal(1, new PromptTokenizer(Pieces, 8).Tokenize(prompt).Length);

    [Theory]
    [InlineData("a &amp; b", "a & b")]
    [InlineData("a &amp;lt; b", "a < b")]
    [InlineData("  many \n\t spaces  ", "many spaces")]
    public void Clean_Text_IsWhatThePublishedCodeMakesOfIt(string prompt, string expected) =>
        Assert.Equal(expected, PromptTokenizer.Clean(prompt));

    // Not a case above: test runners cannot carry half a pair.
    [Fact]
    public void Clean_HalfASurrogatePair_IsReplaced() => Assert.Equal("half \ufffd pair", PromptTokenizer.Clean("half \ud83d pair"));

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(1000)]
    [InlineData(200_000)]
    public void Load_CutOffFile_IsRefusedInOneLine(int length)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, File.ReadAllBytes(Golden.Path("checkpoints", "google", "umt5-xxl", "spiece.model"))[..length]);
            Assert.DoesNotContain('\n', Assert.Throws<ModelException>(() => SentencePieceTokenizer.Load(path)).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Load_AnyDamage_IsRefusedOrStillEncodes()
    {
        var original = File.ReadAllBytes(Golden.Path("checkpoints", "google", "umt5-xxl", "spiece.model"));
        var random = new Random(1);
        var path = Path.GetTempFileName();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                var bytes = original.ToArray();
                for (var n = random.Next(1, 20); n > 0; n--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                File.WriteAllBytes(path, bytes);
                try
                {
                    SentencePieceTokenizer.Load(path).Encode("A watercolor painting of a fox \u00e9\ufb01 \ud83e\udd8a");
                }
                catch (ModelException)
                {
                    // Refused with a reason: as good as read.
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Load_QuarterMillionPieces_Encodes()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, SyntheticModel(256_000));
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var tokenizer = SentencePieceTokenizer.Load(path);
            Console.WriteLine($"256,000 pieces loaded in {clock.ElapsedMilliseconds} ms");
            Assert.Equal(256_001, tokenizer.VocabularySize);
            Assert.Equal([778], tokenizer.Encode("w777"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Field 1 of the model: pieces of field 1 text, 2 score, 3 type (2 is the unknown one); field 3: no dummy prefix.
    private static byte[] SyntheticModel(int pieces)
    {
        using var model = new MemoryStream();
        Write("<unk>", 0, 2);
        for (var i = 0; i < pieces; i++)
            Write($"w{i}", -1 - i * 1e-5f, 1);
        model.Write([0x1a, 2, 0x18, 0]);
        return model.ToArray();

        void Write(string piece, float score, byte type)
        {
            var text = System.Text.Encoding.UTF8.GetBytes(piece);
            model.Write([0x0a, (byte)(text.Length + 9), 0x0a, (byte)text.Length]);
            model.Write(text);
            model.WriteByte(0x15);
            model.Write(BitConverter.GetBytes(score));
            model.Write([0x18, type]);
        }
    }
}
