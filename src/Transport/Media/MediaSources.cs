using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>Opens sources by what they are called.</summary>
public static class MediaSources
{
    /// <exception cref="MediaException">It does not exist or cannot be read.</exception>
    public static IFrameSource Open(SourceOptions options, FramePool pool) =>
        options.Input.StartsWith(PatternSource.Prefix, StringComparison.Ordinal) ? new PatternSource(options, pool) : new FileSource(options, pool);
}

/// <summary>Opens sinks by what they are called.</summary>
public static class MediaSinks
{
    /// <exception cref="MediaException">It cannot be written, or the container cannot hold what is asked for.</exception>
    public static IFrameSink Open(SinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio) =>
        options.Output == "null:" ? new NullSink() : new FileSink(options, video, audio);
}

/// <summary>Takes everything and keeps nothing.</summary>
internal sealed class NullSink : IFrameSink
{
    public void Write(VideoFrame frame)
    {
    }

    public void Write(AudioPacket packet)
    {
    }

    public void Complete()
    {
    }

    public void Dispose()
    {
    }
}
