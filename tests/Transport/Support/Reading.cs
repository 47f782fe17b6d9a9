using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>What a test wants of a source.</summary>
internal sealed record Reading(VideoStreamInfo Video, SourceStatistics Statistics, List<ReadFrame> Frames, List<TimeSpan> SoundTimes)
{
    /// <summary>Reads a source to its end and checks that it kept no frame.</summary>
    public static Reading Of(VideoSourceOptions options) => Of(options, o => MediaSources.Open(o));

    /// <summary>The same of one that is opened in another way.</summary>
    public static Reading Of(VideoSourceOptions options, Func<VideoSourceOptions, IFrameSource> open)
    {
        using var pool = new FramePool();
        using var source = open(options with { Pool = pool });
        var frames = new List<ReadFrame>();
        var sound = new List<TimeSpan>();
        while (source.Read(CancellationToken.None) is { } unit)
        {
            using (unit)
            {
                if (unit is VideoFrame frame)
                {
                    frames.Add(new ReadFrame(frame.Index, source.Video.TimeBase.ToTime(frame.Pts),
                        source.Video.TimeBase.ToTime(frame.Duration), frame.Width, frame.Height, frame.Pixels.ToArray()));
                }
                else
                {
                    sound.Add(((AudioPacket)unit).Time);
                }
            }
        }

        Assert.Equal(0, pool.Outstanding);
        return new Reading(source.Video, source.Statistics, frames, sound);
    }

    public static Reading Of(string input) => Of(new VideoSourceOptions { Input = input });

    public double[] Seconds => Frames.Select(frame => frame.Time.TotalSeconds).ToArray();
}

/// <summary>A frame that outlives its buffer.</summary>
internal sealed record ReadFrame(long Index, TimeSpan Time, TimeSpan Duration, int Width, int Height, byte[] Pixels)
{
    /// <summary>Red, green and blue of a pixel.</summary>
    public (int R, int G, int B) this[int x, int y] =>
        (Pixels[((y * Width) + x) * 3], Pixels[(((y * Width) + x) * 3) + 1], Pixels[(((y * Width) + x) * 3) + 2]);

    /// <summary>Asserts a colour within a tolerance of 8-bit levels.</summary>
    public void AssertColor(int x, int y, (int R, int G, int B) expected, int tolerance = 6)
    {
        var (r, g, b) = this[x, y];
        Assert.True(
            Math.Abs(r - expected.R) <= tolerance && Math.Abs(g - expected.G) <= tolerance && Math.Abs(b - expected.B) <= tolerance,
            $"pixel ({x}, {y}) is {(r, g, b)}, expected {expected}");
    }

    /// <summary>Mean absolute difference to packed RGB24, in 8-bit levels.</summary>
    public double DifferenceTo(ReadOnlySpan<byte> rgb)
    {
        long sum = 0;
        for (var i = 0; i < Pixels.Length; i++)
        {
            sum += Math.Abs(Pixels[i] - rgb[i]);
        }

        return sum / (double)Pixels.Length;
    }
}
