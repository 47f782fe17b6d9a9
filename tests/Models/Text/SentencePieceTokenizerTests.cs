using System.Text.Json;
using StreamDiff.Models.Text;

namespace StreamDiff.Models.Tests.Text;

public sealed class SentencePieceTokenizerTests
{
    private static readonly SentencePieceTokenizer Tokenizer = SentencePieceTokenizer.Load(
        Golden.Path("checkpoints", "google", "umt5-xxl", "spiece.model"));

    public static TheoryData<string, int[]> Cases()
    {
        var data = new TheoryData<string, int[]>();
        using var json = JsonDocument.Parse(File.ReadAllBytes(Golden.Path("checkpoints", "tokenizer_cases.json")));
        foreach (var entry in json.RootElement.EnumerateArray())
            data.Add(entry.GetProperty("text").GetString()!, [.. entry.GetProperty("spm_ids").EnumerateArray().Select(e => e.GetInt32())]);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encode_GivenText_EqualsSpmEncode(string text, int[] expected) => Assert.Equal(expected, Tokenizer.Encode(text));
}
