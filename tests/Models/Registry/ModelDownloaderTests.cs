using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Testing;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Models.Tests.Registry;

/// <summary>Downloads that succeed, whatever the server does on the way.</summary>
public sealed class ModelDownloaderTests : DownloadTest
{
    [Fact]
    public async Task Download_GoodServer_KeepsVerifiedFileAndNoPart()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        var result = await Download(server);
        Assert.True(result.Verified);
        Assert.Equal(Hash, result.Sha256);
        AssertComplete();
    }

    [Fact]
    public async Task Download_ServerBreaksOffAgainAndAgain_ResumesWhereItStopped()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { BreakAfter = r.Number < 3 ? 700_001 : null });
        await Download(server);
        AssertComplete();
        Assert.Equal([null, 700_001, 1_400_002], server.Requests.Select(r => r.From));
    }

    [Fact]
    public async Task Download_ServerAlwaysBreaksOff_GivesUpAndKeepsPart()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { BreakAfter = 1000 });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        AssertOneLine(error, "broke off", "3 tries", server.Url(), "goes on where it stopped");
        Assert.Equal(3000, new FileInfo(Part).Length);
    }

    [Fact]
    public async Task Download_EachTryBringsMuch_DoesNotUseUpTheTries()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { BreakAfter = r.Number < 3 ? 1_100_000 : null });
        using var downloader = new ModelDownloader(Options with { Attempts = 2 });
        await downloader.Download(Manifest(server, Content.Length, Hash), Target);
        AssertComplete();
    }

    [Fact]
    public async Task Download_PartFromEarlierRun_AsksForTheRestOnly()
    {
        WritePart(Content[..1_000_000]);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        await Download(server);
        AssertComplete();
        Assert.Equal([1_000_000], server.Requests.Select(r => r.From));
    }

    [Fact]
    public async Task Download_PartIsAlreadyWhole_NeedsNoServer()
    {
        WritePart(Content);
        using var server = new LoopbackServer(_ => new Answer(500));
        await Download(server);
        AssertComplete();
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Download_PartIsDamaged_StartsAgainOnce()
    {
        WritePart(new byte[1_000_000]);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        await Download(server);
        AssertComplete();
        Assert.Equal([1_000_000, null], server.Requests.Select(r => r.From));
    }

    [Fact]
    public async Task Download_PartIsLongerThanFile_StartsAgain()
    {
        WritePart([.. Content, 1, 2, 3]);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        await Download(server);
        AssertComplete();
    }

    [Fact]
    public async Task Download_ServerIgnoresRange_StartsAgain()
    {
        WritePart(Content[..1_000_000]);
        using var server = new LoopbackServer(_ => new Answer(200, Content));
        await Download(server);
        AssertComplete();
    }

    [Fact]
    public async Task Download_ServerSendsAnotherRange_StartsAgain()
    {
        WritePart(Content[..1_000_000]);
        using var server = new LoopbackServer(r => r.From is null
            ? new Answer(200, Content)
            : new Answer(206, Content[500..]) { Headers = { ["Content-Range"] = $"bytes 500-2999999/3000000" } });
        await Download(server);
        AssertComplete();
    }

    // What can be compared with the file's hash is not given up for an answer that cannot be the file's.
    [Theory]
    [InlineData(416, 0, "another version; what is here is kept")]
    [InlineData(200, -1, "something of no stated size instead of the rest")]
    public async Task Download_AnswerThatIsNotTheRest_KeepsWhatIsThere(int status, long length, string problem)
    {
        WritePart(Content[..1_000_000]);
        using var server = new LoopbackServer(_ => new Answer(status, "log in"u8.ToArray()) { StatedLength = length });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Equal(1_000_000, new FileInfo(Part).Length);
    }

    [Fact]
    public async Task Download_NoContentLengthAndTooFewBytes_Resumes()
    {
        using var server = new LoopbackServer(
            r => r.From is null ? new Answer(200, Content[..10_000]) { StatedLength = -1 } : Answer.File(Content, r));
        await Download(server);
        AssertComplete();
    }

    [Fact]
    public async Task Download_ServerGoesSilent_CountsAsBroken()
    {
        using var server = new LoopbackServer(
            r => Answer.File(Content, r) with { Pace = r.Number == 1 ? TimeSpan.FromMinutes(5) : TimeSpan.Zero });
        using var downloader = new ModelDownloader(Options with { Attempts = 20, Stall = TimeSpan.FromSeconds(1.5) });
        await downloader.Download(Manifest(server, Content.Length, Hash), Target);
        AssertComplete();
        // More where the machine was as silent.
        Assert.InRange(server.Requests.Count, 2, 20);
    }

    [Fact]
    public async Task Download_Cancelled_KeepsPart()
    {
        using var cancel = new CancellationTokenSource();
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { Pace = TimeSpan.FromMilliseconds(20) });
        var progress = new Watch(p =>
        {
            if (p.Bytes > 100_000)
                cancel.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Download(server, progress: progress, cancellation: cancel.Token));
        var kept = File.ReadAllBytes(Part);
        Assert.InRange(kept.Length, 100_000, Content.Length - 1);
        Assert.Equal(Content[..kept.Length], kept);
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task Download_HubStatesHashInRedirect_VerifiesAndRecordsIt()
    {
        using var server = new LoopbackServer(r => r.Path == "/file.bin" ? Hub(Hash) : Answer.File(Content, r));
        var result = await Download(server, size: null, sha256: null);
        Assert.True(result.Verified);
        AssertComplete();
        Assert.StartsWith(Hash, File.ReadAllText(Target + ".sha256"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_NobodyStatesAHash_SaysThatItIsNotVerified()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        var result = await Download(server, size: null, sha256: null);
        Assert.False(result.Verified);
        Assert.Equal(Hash, result.Sha256);
    }

    [Fact]
    public async Task Download_NobodyStatesAHash_DoesNotTrustThePart()
    {
        WritePart(new byte[1_000_000]);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        await Download(server, size: null, sha256: null);
        AssertComplete();
    }

    // Of a plain server: the tag of what a first run has brought, that of what there is later, whether the server knows of If-Range, and
    // where it is asked from.
    [Theory]
    [InlineData("\"v1\"", "\"v1\"", true, new long[] { 0, 700_001 })]
    [InlineData("\"v1\"", "\"v2\"", true, new long[] { 0, 700_001 })]
    [InlineData("\"v1\"", "\"v2\"", false, new long[] { 0, 700_001, 0 })]
    [InlineData("W/\"v1\"", "W/\"v1\"", true, new long[] { 0, 700_001, 0 })]
    public async Task Download_NobodyStatesAHash_GoesOnWithTheSameVersionOnly(string first, string later, bool knows, long[] asked)
    {
        var old = Content.Select(b => (byte)(b ^ 1)).ToArray();
        using var server = new LoopbackServer(r =>
        {
            var (content, tag) = r.Number == 1 && first != later ? (old, first) : (Content, later);
            var answer = Answer.File(content, knows && r.IfRange is not null && r.IfRange != tag ? r with { From = null } : r);
            answer.Headers["ETag"] = tag;
            return answer with { BreakAfter = r.Number == 1 ? 700_001 : null };
        });
        using (var downloader = new ModelDownloader(Options with { Attempts = 1 }))
        {
            var error = await Assert.ThrowsAsync<DownloadException>(
                () => downloader.Download(Manifest(server, Content.Length, null), Target));
            AssertOneLine(error, first[0] == 'W' ? "begins anew, because the server tells" : "goes on where it stopped");
        }
        await Download(server, Content.Length, sha256: null);
        AssertComplete();
        Assert.Equal(asked, server.Requests.Select(r => r.From ?? 0));
        Assert.Equal([Target, Target + ".sha256"], Directory.GetFiles(Path.GetDirectoryName(Target)!).Order());
    }

    [Fact]
    public async Task Download_Mirror_IsAskedInPlaceOfTheHub()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        var file = Manifest(server, Content.Length, Hash) with { Url = "https://huggingface.co/org/repo/resolve/main/file.bin" };
        using var downloader = new ModelDownloader(Options with { Hubs = [server.Url("")] });
        await downloader.Download(file, Target);
        Assert.Equal("/org/repo/resolve/main/file.bin", server.Requests.Single().Path);
        AssertComplete();
    }

    // One that is away, one without the file, one that breaks off in the middle again and again: the next goes on where that one stopped.
    [Fact]
    public async Task Download_Mirrors_AreTriedInTurn()
    {
        using var lacking = new LoopbackServer(_ => new Answer(404));
        using var breaking = new LoopbackServer(r => r.From is null
            ? Answer.File(Content, r) with { BreakAfter = 900_000 }
            : new Answer(503));
        using var whole = new LoopbackServer(r => Answer.File(Content, r));
        var file = Manifest(whole, Content.Length, Hash) with { Url = "https://huggingface.co/org/repo/resolve/main/file.bin" };
        using var downloader = new ModelDownloader(
            Options with { Hubs = ["http://127.0.0.1:1", lacking.Url(""), breaking.Url(""), whole.Url("")] });
        Assert.True((await downloader.Download(file, Target)).Verified);
        AssertComplete();
        Assert.True(whole.Requests.Single().From > 0);
    }

    private sealed class Watch(Action<DownloadProgress> report) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => report(value);
    }
}
