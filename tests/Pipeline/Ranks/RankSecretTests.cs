using System.Security.Cryptography;
using StreamDiff.Models;
using StreamDiff.Pipeline.Ranks;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>What is taken for a secret: 32 random bytes, however they are written.</summary>
public sealed class RankSecretTests : IDisposable
{
    private static readonly byte[] Random = SHA256.HashData([1]);
    private static readonly byte[] Twice = [.. Random, .. Random];
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Make_NewFile_IsASecretThatOnlyItsOwnerReads()
    {
        RankSecret.Make(_folder.File("secret"));
        Assert.Equal(32, RankSecret.Read(_folder.File("secret")).Length);
        Assert.Equal("600\n", TestFolder.Command("stat", $"-c %a {_folder.File("secret")}"));
        RankSecret.Make(_folder.File("another"));
        Assert.NotEqual(RankSecret.Read(_folder.File("secret")), RankSecret.Read(_folder.File("another")));
        Assert.Throws<IOException>(() => RankSecret.Make(_folder.File("secret")));
    }

    public static TheoryData<string, byte[], byte[]> Secrets => new()
    {
        { "base64", Text(Convert.ToBase64String(Random)), Random },
        { "base64 on lines", Text(Convert.ToBase64String(Twice, Base64FormattingOptions.InsertLineBreaks) + "\n"), Twice },
        { "hexadecimal", Text($"  {Convert.ToHexStringLower(Random)}\n"), Random },
        { "hexadecimal, large letters", Text(Convert.ToHexString(Random)), Random },
        { "bytes as they are", Random, Random },
    };

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Read_32RandomBytes_AreTheSecret(string what, byte[] content, byte[] expected)
    {
        File.WriteAllBytes(_folder.File("secret"), content);
        Assert.True(expected.SequenceEqual(RankSecret.Read(_folder.File("secret"))), what);
    }

    public static TheoryData<string, byte[]> Others => new()
    {
        { "nothing", [] },
        { "a word", Text("one thing\n") },
        { "many words", Text("it was the best of times it was the worst of times it was the age") },
        { "words without blanks", Text("correcthorsebatterystaplecorrecthorsebatterystapl===") },
        { "letters of a phrase, as many as base64 has", Text("itwasthebestoftimesitwastheworstoftimesitwas") },
        { "a word again and again", Text(string.Concat(Enumerable.Repeat("Passw0rd", 8))) },
        { "words of another language", Text("příliš žluťoučký kůň úpěl ďábelské ódy, příliš žluťoučký") },
        { "31 bytes as base64", Text(Convert.ToBase64String(Random[..31])) },
        { "31 bytes as hexadecimal", Text(Convert.ToHexString(Random[..31])) },
        { "31 bytes as they are", Random[..31] },
        { "zeros", new byte[64] },
        { "zeros as hexadecimal", Text(new string('0', 64)) },
        { "counted digits", Text(string.Concat(Enumerable.Repeat("0123456789abcdef", 4))) },
        { "a large file", RandomNumberGenerator.GetBytes(5000) },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void Read_AnythingElse_IsRefusedWithTheFileAndTheCommand(string what, byte[] content)
    {
        File.WriteAllBytes(_folder.File("weak"), content);
        var error = Record.Exception(() => RankSecret.Read(_folder.File("weak")));
        Assert.True(error is ModelException, $"{what} was taken for a secret");
        Assert.Contains(_folder.File("weak"), error.Message, StringComparison.Ordinal);
        Assert.Contains("'streamdiff secret FILE'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static byte[] Text(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
