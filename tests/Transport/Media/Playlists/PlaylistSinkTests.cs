using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Transport.Tests.Media.Playlists;

/// <summary>How pictures as an encoder makes them are cut for a playlist.</summary>
public sealed class PlaylistSinkTests
{
    private const int Side = 64;

    [Fact]
    public void Segment_BeginsWithTheNextKeyFrame_AndAfterALateOneTheNextIsInTime()
    {
        var options = new LiveSinkOptions
        {
            Output = "players",
            Playlist = new LivePlaylist(new PlaylistTimes(new Rational(16, 1)), TimeProvider.System),
            Width = Side,
            Height = Side,
            FrameRate = new Rational(16, 1),
            Preset = "ultrafast",
            HasSound = false,
        };
        var playlist = options.Playlist;
        Assert.Equal((32, 4), (playlist.Times.SegmentPictures, playlist.Times.PartPictures));
        using var pool = new FramePool();
        var units = new Queue<EncodedUnit>();
        using (var encoder = new LiveEncoder(LiveSinks.StreamsOf(options).Pictures, units.Enqueue))
        using (var pictures = encoder.Describe())
        using (var sink = LiveSinks.Open(options, pictures, null, default))
        {
            // Somebody else asked for the tenth and the 80th. Two seconds after the tenth the encoder makes one by itself, ten pictures
            // late.
            int[] keys = [0, 10, 64, 80, 96];
            for (var number = 0; number < 100; number++)
            {
                using var frame = VideoFrame.Rent(pool, Side, Side);
                new Random(number).NextBytes(frame.Pixels);
                encoder.Write(frame, number, keys.Contains(number));
            }
            encoder.Finish();
            while (units.TryDequeue(out var unit))
                using (unit)
                    sink.Write(unit);
            sink.Complete();
        }
        Assert.Equal([42 / 16.0, 22 / 16.0, 2, 4 / 16.0], playlist.Segments.Select(s => s.Seconds!.Value));
        Assert.All(playlist.Segments, segment =>
        {
            Assert.True(segment.Parts[0].IsIndependent);
            Assert.Equal(segment.Seconds!.Value, segment.Parts.Sum(p => p.Seconds));
        });
        // A part ends where the segment does.
        Assert.Equal(2 / 16.0, playlist.Segments[0].Parts[^1].Seconds);
        Assert.Equal(2 / 16.0, playlist.Segments[1].Parts[^1].Seconds);
    }
}
