using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Live;

/// <summary>What is shown while the source is gone: the frame that was last, colour bars, or an image of the user's.</summary>
internal sealed class FallbackFrame : IDisposable
{
    private readonly SharedFrame? _frame;

    /// <param name="choice">last, slate or an image file.</param>
    /// <param name="size">Size of the output.</param>
    /// <exception cref="MediaException">The image cannot be read.</exception>
    public FallbackFrame(string choice, (int Width, int Height) size)
    {
        Black = new SharedFrame(MakeBlack(size));
        if (choice != LiveOptions.Last)
            _frame = Load(choice == LiveOptions.Slate ? $"test:smptebars?size={size.Width}x{size.Height}" : choice, size);
    }

    /// <summary>For the time before the first frame.</summary>
    public SharedFrame Black { get; }

    /// <summary>The frame instead of the last one; null to go on with the last one.</summary>
    public SharedFrame? Instead => _frame;

    public void Dispose()
    {
        Black.Dispose();
        _frame?.Dispose();
    }

    private static VideoFrame MakeBlack((int Width, int Height) size)
    {
        using var pool = new FramePool(0);
        var frame = VideoFrame.Rent(pool, size.Width, size.Height);
        frame.Pixels.Clear();
        return frame;
    }

    private static SharedFrame Load(string input, (int Width, int Height) size)
    {
        using var source = MediaSources.Open(
            new VideoSourceOptions { Input = input, Width = size.Width, Height = size.Height, Fit = FitMode.Letterbox, ReadAudio = false });
        while (source.Read(CancellationToken.None) is { } unit)
        {
            if (unit is VideoFrame frame)
                return new SharedFrame(frame);
            unit.Dispose();
        }
        throw new MediaException($"Fallback picture '{input}' holds no picture.");
    }
}
