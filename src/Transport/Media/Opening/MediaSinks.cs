using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>Opens outputs.</summary>
public static class MediaSinks
{
    private const string NullOutput = "null:";

    /// <summary>Creates the output and writes its header.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="video">Size, rate and time base of the frames that will be written.</param>
    /// <param name="audio">The sound that will be written, null for none.</param>
    /// <exception cref="MediaException">The output cannot be written, is the input, or container and codec do not go together.</exception>
    public static IFrameSink Open(FileSinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(video);
        if (options.Output == NullOutput)
        {
            return new NullSink();
        }

        OutputPath.ThrowIfUnusable(options.Output, video.SourcePath);
        FFmpegLibrary.Initialize();
        if (StillWriter.IsStill(options.Output))
        {
            return new StillSink(options, video, audio);
        }

        return FileSink.Create(options, video, audio);
    }

    /// <summary>
    /// For a program that is ended at once: removes files that nobody would miss, because they hold nothing yet or are unfinished copies.
    /// What was written so far stays.
    /// </summary>
    public static void AbandonAll() => WrittenFile.AbandonAll();

    /// <summary>
    /// Looks, without touching the output, whether there is such a container and encoder, whether they go together, and whether the encoder
    /// knows the preset.
    /// </summary>
    /// <exception cref="MediaException">They do not.</exception>
    public static void Check(FileSinkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (StillWriter.IsStill(options.Output))
        {
            StillSink.Check(options);
        }
        else if (options.Output != NullOutput)
        {
            FFmpegLibrary.Initialize();
            FileSink.Check(options);
        }
    }
}
