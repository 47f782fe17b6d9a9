using System.Security.Cryptography;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Testing;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Models.Tests.Registry;

/// <summary>A file to download, a place for it, and what to ask of the outcome.</summary>
public abstract class DownloadTest : IDisposable
{
    private protected static readonly byte[] Content = RandomNumberGenerator.GetBytes(3_000_000);
    private protected static readonly string Hash = Convert.ToHexStringLower(SHA256.HashData(Content));

    private readonly TempFolder _folder = new();

    private protected string Target => _folder["weights", "file.bin"];

    private protected string Part => Target + ModelFiles.PartSuffix;

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static DownloadOptions Options { get; } = new()
    {
        Hubs = [],
        Attempts = 3,
        FirstWait = TimeSpan.FromMilliseconds(5),
        // A busy machine is silent for a while as well.
        Stall = TimeSpan.FromMinutes(2),
    };

    private protected Task<DownloadResult> Download(
        LoopbackServer server, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default) =>
        Download(server, Content.Length, Hash, progress, cancellation);

    private protected Task<DownloadResult> Download(LoopbackServer server, long? size) => Download(server, size, Hash);

    private protected async Task<DownloadResult> Download(
        LoopbackServer server, long? size, string? sha256, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        using var downloader = new ModelDownloader(Options);
        return await downloader.Download(Manifest(server, size, sha256), Target, progress, cancellation);
    }

    private protected static ModelFile Manifest(LoopbackServer server, long? size, string? sha256) =>
        new() { Path = "file.bin", Role = "dit", Url = server.Url(), Size = size, Sha256 = sha256 };

    private protected static Answer Hub(string hash) => new(302)
    {
        Headers = { ["Location"] = "/storage/xyz", ["X-Linked-Etag"] = $"\"{hash}\"", ["X-Linked-Size"] = "3000000" },
    };

    private protected void WritePart(byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Part)!);
        File.WriteAllBytes(Part, bytes);
    }

    private protected void AssertComplete()
    {
        Assert.Equal(Content, File.ReadAllBytes(Target));
        Assert.False(File.Exists(Part));
    }

    private protected void AssertNothing()
    {
        Assert.False(File.Exists(Target));
        Assert.False(File.Exists(Part));
    }

    private protected static void AssertOneLine(Exception error, params string[] parts)
    {
        Assert.DoesNotContain('\n', error.Message);
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
