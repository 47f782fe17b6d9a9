using Microsoft.Extensions.Time.Testing;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Transport.Tests.Media.Playlists;

/// <summary>What a player is told of a stream, and when (draft-pantos-hls-rfc8216bis).</summary>
public sealed class LivePlaylistTests
{
    private const double Part = 0.25;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
    private readonly LivePlaylist _playlist;

    public LivePlaylistTests() => _playlist = new LivePlaylist(new PlaylistTimes(new Rational(16, 1)), _time);

    private long First => _time.Start.ToUnixTimeSeconds();

    [Theory]
    [InlineData(30, 1, 60, 10)]
    [InlineData(16, 1, 32, 4)]
    [InlineData(25, 1, 50, 5)]
    [InlineData(24, 1, 48, 8)]
    [InlineData(30000, 1001, 60, 10)]
    [InlineData(60, 1, 120, 20)]
    [InlineData(8, 1, 16, 2)]
    [InlineData(7, 1, 14, 2)]
    [InlineData(1, 1, 2, 1)]
    [InlineData(1, 3, 1, 1)]
    public void Times_AreWholePictures_AndPartsAreShort(int numerator, int denominator, int segment, int part)
    {
        var times = new PlaylistTimes(new Rational(numerator, denominator));
        Assert.Equal((segment, part), (times.SegmentPictures, times.PartPictures));
    }

    [Fact]
    public void Playlist_NamesTheNewestSegments_ThePartsOfTheLastOnes_AndThePartToCome()
    {
        Begin("one");
        for (var i = 0; i < 16; i++)
            Segment();
        _playlist.BeginSegment(_time.GetUtcNow());
        Add();
        var lines = _playlist.ToText("?key=a%20b").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            [
                "#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:3",
                "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.750", "#EXT-X-PART-INF:PART-TARGET=0.250",
                $"#EXT-X-MEDIA-SEQUENCE:{First + 10}", $"#EXT-X-DISCONTINUITY-SEQUENCE:{First}", "#EXT-X-INDEPENDENT-SEGMENTS",
                $"#EXT-X-MAP:URI=\"init-{First}.mp4?key=a%20b\"", "#EXT-X-PROGRAM-DATE-TIME:2026-11-29T12:00:20.000Z", "#EXTINF:2.00000,",
                $"segment-{First + 10}.m4s?key=a%20b",
            ],
            lines[..12]);
        Assert.Equal(LivePlaylist.Listed, lines.Count(l => l.StartsWith("segment-", StringComparison.Ordinal)));
        Assert.Single(lines, l => l.StartsWith("#EXT-X-MAP", StringComparison.Ordinal));
        var parts = lines.Where(l => l.StartsWith("#EXT-X-PART:", StringComparison.Ordinal)).ToList();
        Assert.Equal(8 + 8 + 1, parts.Count);
        var number = (First * 100) + (16 * 8);
        Assert.Equal($"#EXT-X-PART:DURATION=0.25000,URI=\"part-{number}.m4s?key=a%20b\",INDEPENDENT=YES", lines[^2]);
        Assert.Equal($"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-{number + 1}.m4s?key=a%20b\"", lines[^1]);
        // Those that a slow player still asks for are there, and no more than that.
        Assert.Null(_playlist.Segment(First + 2));
        Assert.Equal(8, _playlist.Segment(First + 3)!.Parts.Count);
        _playlist.End();
        Assert.EndsWith("#EXT-X-ENDLIST\n", _playlist.ToText(""), StringComparison.Ordinal);
    }

    [Fact]
    public void Encoder_ThatBeginsAnew_IsADiscontinuityWithItsOwnHeader_CountedWhenItIsGone()
    {
        Begin("one");
        Segment();
        // It fails in the middle of a segment, and once before it has made anything.
        _playlist.BeginSegment(_time.GetUtcNow());
        Add();
        Begin("two");
        _playlist.BeginSegment(_time.GetUtcNow());
        Begin("three");
        Segment();
        Assert.Equal(
            [
                "MAP one", "2.00000", $"{First}", "0.25000", $"{First + 1}", "break", "MAP three", "2.00000", $"{First + 2}",
            ],
            Shape());
        for (var i = 0; i < 5; i++)
            Segment();
        Assert.Contains("break", Shape());
        Assert.Contains($"#EXT-X-DISCONTINUITY-SEQUENCE:{First}\n", _playlist.ToText(""), StringComparison.Ordinal);
        Segment();
        Assert.DoesNotContain("break", Shape());
        Assert.Contains($"#EXT-X-DISCONTINUITY-SEQUENCE:{First + 1}\n", _playlist.ToText(""), StringComparison.Ordinal);

        IEnumerable<string> Shape() => _playlist.ToText("").Split('\n').Select(line =>
            line == "#EXT-X-DISCONTINUITY" ? "break"
            : line.StartsWith("#EXT-X-MAP", StringComparison.Ordinal)
                ? $"MAP {System.Text.Encoding.UTF8.GetString(_playlist.HeaderOf(long.Parse(line.Split('-', '.')[3]))!.Data.Span)}"
            : line.StartsWith("#EXTINF", StringComparison.Ordinal) ? line.Split(':', ',')[1]
            : line.StartsWith("segment-", StringComparison.Ordinal) ? line.Split('-', '.')[1]
            : "").Where(l => l.Length > 0);
    }

    [Fact]
    public async Task Waiting_EndsWithTheVeryPart_AndNotBefore()
    {
        Begin("one");
        // Of a segment that is gone, such as of an earlier stream.
        var (old, whole) = (_playlist.WaitFor(First - 100, 3, default), _playlist.WaitFor(null, null, default));
        _playlist.BeginSegment(_time.GetUtcNow());
        Assert.False(old.IsCompleted);
        var (third, all) = (_playlist.WaitFor(First, 2, default), _playlist.WaitFor(First, null, default));
        // The one beyond the last one of a segment is the first of the next.
        var (beyond, next) = (_playlist.WaitFor(First, 8, default), _playlist.WaitFor(First + 1, 0, default));
        var data = _playlist.Part(First * 100, default);
        Add();
        Assert.True(await old);
        Assert.Equal([1, 2, 3], (await data)!.Data.ToArray());
        Add();
        Assert.False(third.IsCompleted);
        Add();
        Assert.True(await third);
        for (var i = 3; i < 8; i++)
            Add();
        Assert.False(all.IsCompleted || whole.IsCompleted);
        _playlist.EndSegment(2);
        Assert.True(await all && await whole);
        _playlist.BeginSegment(_time.GetUtcNow());
        Assert.False(beyond.IsCompleted || next.IsCompleted);
        Add();
        Assert.True(await beyond && await next);
        // Nobody may ask for what is far ahead, or waits for what never comes.
        Assert.False(await _playlist.WaitFor(First + 4, null, default) || await _playlist.WaitFor(long.MaxValue, 0, default));
        Assert.False(await _playlist.WaitFor(First + 1, 1000, default));
        Assert.Null(await _playlist.Part((First * 100) + 1000, default));
        var last = _playlist.WaitFor(First + 3, 0, default);
        Assert.False(last.IsCompleted);
        _playlist.End();
        Assert.True(await last);
    }

    [Fact]
    public void Memory_OfSegmentsThatAreVeryLarge_IsBounded()
    {
        Begin("one");
        for (var i = 0; i < 10; i++)
        {
            _playlist.BeginSegment(_time.GetUtcNow());
            _playlist.Add(new byte[20 << 20], 2, true);
            _playlist.EndSegment(2);
        }

        Assert.Equal(3, _playlist.ToText("").Split("segment-").Length - 1);
        Assert.Contains($"#EXT-X-MEDIA-SEQUENCE:{First + 7}\n", _playlist.ToText(""), StringComparison.Ordinal);
    }

    private void Begin(string name) =>
        _playlist.Begin(new PlaylistHeader(System.Text.Encoding.UTF8.GetBytes(name), "avc1.42C01F,mp4a.40.2", 64, 64, 1_000_000));

    private void Segment()
    {
        _playlist.BeginSegment(_time.GetUtcNow());
        for (var i = 0; i < 8; i++)
            Add(i == 0);
        _playlist.EndSegment(2);
        _time.Advance(TimeSpan.FromSeconds(2));
    }

    private void Add(bool isKey = true) => _playlist.Add(new byte[] { 1, 2, 3 }, Part, isKey);
}
