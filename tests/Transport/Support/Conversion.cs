using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>Source to sink, as the pipeline does it but without a model.</summary>
internal static class Conversion
{
    public static IReadOnlyList<string> Run(VideoSourceOptions input, FileSinkOptions output)
    {
        using var pool = new FramePool();
        using var source = MediaSources.Open(input with { Pool = pool });
        using var sink = MediaSinks.Open(output, source.Video, source.Audio);
        while (source.Read(CancellationToken.None) is { } unit)
        {
            using (unit)
            {
                Write(sink, unit);
            }
        }

        sink.Complete();
        Assert.Equal(0, pool.Outstanding);
        return sink.Warnings;
    }

    public static IReadOnlyList<string> Run(string input, string output) =>
        Run(new VideoSourceOptions { Input = input }, new FileSinkOptions { Output = output, Preset = "ultrafast" });

    public static void Write(IFrameSink sink, MediaUnit unit)
    {
        if (unit is VideoFrame frame)
        {
            sink.Write(frame);
        }
        else
        {
            sink.Write((AudioPacket)unit);
        }
    }
}
