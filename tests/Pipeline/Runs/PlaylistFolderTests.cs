using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>The folder of an hls: output over several runs.</summary>
public sealed class PlaylistFolderTests : LiveRunTest
{
    private const string Listed = "live-1700000001.ts";
    private const string Stale = "live-1700000002.ts";
    private const string Unfinished = "live-1700000003.ts.tmp";
    private const string Recent = "live-1700000004.ts";

    // None of them has a name that a piece of this playlist would have.
    private static readonly string[] Others =
    [
        "live-0001.ts", "live-170000000a.ts", "live-1700000005.mp4", "live-1700000005.ts.bak", "live1700000005.ts",
        "other-1700000005.ts", "live-0700000005.ts", "live-2-1700000005.ts", "live-1700000005-2.ts", "live.ts",
    ];

    [Fact]
    public void Run_EarlierOnesLeftPieces_ThoseThatNobodyCanFindAreRemovedAndNothingElse()
    {
        foreach (var name in (string[])[Listed, Stale, Unfinished, Recent, .. Others])
        {
            File.WriteAllText(Folder.File(name), "earlier");
            if (name != Recent)
                File.SetLastWriteTimeUtc(Folder.File(name), DateTime.UtcNow.AddHours(-1));
        }
        File.WriteAllText(Folder.File("live.m3u8"), $"#EXTM3U\n#EXTINF:2,\n{Listed}\n");

        Run("test:testsrc2?size=64x64&rate=25&duration=0.4", $"hls:{Folder.File("live.m3u8")}");

        Assert.False(File.Exists(Folder.File(Stale)));
        Assert.False(File.Exists(Folder.File(Unfinished)));
        Assert.All((string[])[Listed, Recent, .. Others], name => Assert.Equal("earlier", File.ReadAllText(Folder.File(name))));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SourceNeverCame_LeavesNoPieces()
    {
        File.WriteAllText(Folder.File(Listed), "earlier");

        Assert.Throws<MediaException>(() => Run(
            $"rtmp://127.0.0.1:{Port()}/live/key?listen=1", $"hls:{Folder.File("live.m3u8")}", o => o.With("source-gone 2")));

        Assert.Contains(News, n => n.State == "removed");
        Assert.Equal([Folder.File(Listed)], Directory.GetFiles(Folder.File("")));
    }
}
