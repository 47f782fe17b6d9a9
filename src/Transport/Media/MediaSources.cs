using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>Opens inputs.</summary>
public static class MediaSources
{
    private const string TestScheme = "test:";

    /// <summary>Opens a file, a URL or a <c>test:</c> picture.</summary>
    /// <exception cref="MediaException">The input is missing, empty, damaged, no video or of an unknown kind; or the size is impossible.</exception>
    public static IFrameSource Open(VideoSourceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Validate(options);
        FFmpegLibrary.Initialize();
        return options.Input.StartsWith(TestScheme, StringComparison.Ordinal)
            ? new TestPatternSource(options, TestPattern.Parse(options.Input[TestScheme.Length..]))
            : new FileSource(options);
    }

    private static void Validate(VideoSourceOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Input))
        {
            throw new MediaException("No input was given: name a video file, or test:testsrc2 for a built-in picture.");
        }

        if (options.Width is < 1 or > PictureLimits.MaximumSide || options.Height is < 1 or > PictureLimits.MaximumSide)
        {
            throw new MediaException($"The size {options.Width}x{options.Height} is impossible: each side must be between 1 and {PictureLimits.MaximumSide} pixels.");
        }

        if (options.FrameRate is { } rate && (!rate.IsPositive || rate.ToDouble() > PictureLimits.MaximumFrameRate))
        {
            throw new MediaException($"The frame rate {rate} is impossible: it must be above 0 and at most {PictureLimits.MaximumFrameRate}.");
        }
    }
}
