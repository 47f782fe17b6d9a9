using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>Opens inputs.</summary>
public static class MediaSources
{
    private const string TestScheme = "test:";

    /// <summary>Opens a file, a URL, a device or a <c>test:</c> picture. What is live is opened for the least delay.</summary>
    /// <param name="options">What to read.</param>
    /// <param name="ct">Breaks into the waiting for a sender.</param>
    /// <exception cref="MediaException">The input is missing, empty, damaged, no video or of an unknown kind; or the size is
    /// impossible.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static IFrameSource Open(VideoSourceOptions options, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var opener = new SourceOpener(options);
        try
        {
            return new OwningSource(opener.Open(ct), opener);
        }
        catch
        {
            opener.Dispose();
            throw;
        }
    }

    internal static IFrameSource OpenOnce(VideoSourceOptions options, CancellationToken ct) =>
        options.Input.StartsWith(TestScheme, StringComparison.Ordinal)
        ? new TestPatternSource(options, TestPattern.Parse(options.Input[TestScheme.Length..]))
        : new FileSource(options, ct);

    internal static void Validate(VideoSourceOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Input))
        {
            throw new MediaException("No input was given: name a video file, or test:testsrc2 for a built-in picture.");
        }

        if (options.Width is < 1 or > FrameLimits.MaximumSide || options.Height is < 1 or > FrameLimits.MaximumSide)
        {
            throw new MediaException(
                $"The size {options.Width}x{options.Height} is impossible: each side must be between 1 and {FrameLimits.MaximumSide} "
                    + "pixels.");
        }

        if (options.FrameRate is { } rate && (!rate.IsPositive || rate.ToDouble() > FrameLimits.MaximumFrameRate))
        {
            throw new MediaException(
                $"The frame rate {rate} is impossible: it must be above 0 and at most {FrameLimits.MaximumFrameRate}.");
        }
    }
}
