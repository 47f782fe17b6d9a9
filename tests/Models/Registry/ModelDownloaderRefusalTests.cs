using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Testing;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Models.Tests.Registry;

/// <summary>Downloads that must fail: one clear line, and nothing wrong left behind.</summary>
public sealed class ModelDownloaderRefusalTests : DownloadTest
{
    [Fact]
    public async Task Download_WrongBytes_KeepsNothing()
    {
        var wrong = Content.ToArray();
        wrong[2_999_999] ^= 1;
        using var server = new LoopbackServer(r => Answer.File(wrong, r));
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        AssertOneLine(error, "wrong bytes", server.Url(), "nothing was kept");
        AssertNothing();
    }

    [Theory]
    [InlineData(2_999_999)]
    [InlineData(3_000_001)]
    public async Task Download_ContentLengthIsNotTheManifests_RefusesBeforeTheBody(long stated)
    {
        using var server = new LoopbackServer(_ => new Answer(200, Content) { StatedLength = stated });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        AssertOneLine(error, $"offers {stated} bytes where 3000000 are expected", server.Url());
        AssertNothing();
    }

    [Fact]
    public async Task Download_ContentLengthTooLongWithoutManifestSize_EndsWithProblem()
    {
        using var server = new LoopbackServer(_ => new Answer(200, Content) { StatedLength = 3_000_500 });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server, size: null));
        AssertOneLine(error, "broke off");
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task Download_NoContentLengthAndTooManyBytes_KeepsNothing()
    {
        using var server = new LoopbackServer(_ => new Answer(200, [.. Content, 0]) { StatedLength = -1 });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        AssertOneLine(error, "more than the 3000000 bytes");
        AssertNothing();
    }

    [Theory]
    [InlineData(404, "no such file")]
    [InlineData(403, "access is refused")]
    [InlineData(401, "access is refused")]
    [InlineData(416, "416")]
    [InlineData(418, "418")]
    public async Task Download_StatusThatWillNotPass_FailsAtOnce(int status, string says)
    {
        using var server = new LoopbackServer(_ => new Answer(status));
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        AssertOneLine(error, says, "file.bin", server.Url());
        Assert.Single(server.Requests);
        AssertNothing();
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(408)]
    public async Task Download_StatusThatMayPass_IsTriedAgain(int status)
    {
        using var server = new LoopbackServer(
            r => r.Number < 3 ? new Answer(status) { Headers = { ["Retry-After"] = "0" } } : Answer.File(Content, r));
        await Download(server);
        AssertComplete();
    }

    [Fact]
    public async Task Download_ServerErrorThatStays_GivesUp()
    {
        using var server = new LoopbackServer(_ => new Answer(502));
        AssertOneLine(await Assert.ThrowsAsync<DownloadException>(() => Download(server)), "502", "3 tries", server.Url());
        AssertNothing();
    }

    [Fact]
    public async Task Download_NobodyListens_SaysSo()
    {
        var server = new LoopbackServer(_ => new Answer());
        server.Dispose();
        AssertOneLine(await Assert.ThrowsAsync<DownloadException>(() => Download(server)), "no connection");
    }

    [Fact]
    public async Task Download_HubStatesAnotherHash_KeepsNothing()
    {
        using var server = new LoopbackServer(r => r.Path == "/file.bin" ? Hub(new string('a', 64)) : Answer.File(Content, r));
        AssertOneLine(await Assert.ThrowsAsync<DownloadException>(() => Download(server, size: null, sha256: null)), "wrong bytes");
        AssertNothing();
    }

    [Fact]
    public async Task Download_EndlessRedirects_EndWithProblem()
    {
        using var server = new LoopbackServer(_ => new Answer(302) { Headers = { ["Location"] = "/file.bin" } });
        AssertOneLine(await Assert.ThrowsAsync<DownloadException>(() => Download(server)), "redirects without end");
    }

    [Fact]
    public async Task Download_DiskIsSmall_RefusesBeforeTheBody()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        using var downloader = new ModelDownloader(Options) { FreeBytes = _ => 2_000_000 };
        var error = await Assert.ThrowsAsync<DownloadException>(() => downloader.Download(Manifest(server, Content.Length, Hash), Target));
        AssertOneLine(error, "needs 3.0 MB more", "2.0 MB free");
    }

    [Fact]
    public async Task Download_DiskFillsUp_SaysSoAndKeepsPart()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        using var downloader = new ModelDownloader(Options) { OpenPart = path => new FullDisk(PartFile.OpenStream(path), 1_000_000) };
        var error = await Assert.ThrowsAsync<DownloadException>(() => downloader.Download(Manifest(server, Content.Length, Hash), Target));
        AssertOneLine(error, "is full", "run the same command again");
        Assert.InRange(new FileInfo(Part).Length, 1, 1_000_000);
    }

    [Fact]
    public async Task Download_AlreadyUnderWayElsewhere_SaysSo()
    {
        WritePart(Content[..10]);
        using var other = PartFile.OpenStream(Part);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        AssertOneLine(await Assert.ThrowsAsync<DownloadException>(() => Download(server)), "is another download of it running?");
    }
}
