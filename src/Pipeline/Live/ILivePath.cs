using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>What happens to frames between source and output.</summary>
internal interface ILivePath : IDisposable
{
    /// <summary>Frames that never came out because newer ones were there.</summary>
    long Dropped { get; }

    /// <summary>Takes a frame over; never waits.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="taken">When the source took it.</param>
    void Offer(VideoFrame frame, TimeSpan taken);

    /// <summary>Hears the source's sound before it waits for the picture; never waits.</summary>
    /// <param name="block">The sound.</param>
    /// <param name="taken">When the source took it.</param>
    void Hear(SoundBlock block, TimeSpan taken)
    {
    }

    /// <summary>The next frame does not follow the one before.</summary>
    void Discontinue();

    /// <summary>No frame follows: what is under way is finished. Does not wait.</summary>
    void Finish()
    {
    }

    /// <summary>True when nothing is under way any more after <see cref="Finish"/>.</summary>
    bool IsFinished => true;

    /// <summary>Throws what has gone wrong since, if anything has.</summary>
    void ThrowIfFailed();
}

/// <summary>Frames as they are: for measuring everything but the model.</summary>
internal sealed class PassthroughPath(Action<VideoFrame, TimeSpan> output) : ILivePath
{
    public long Dropped => 0;

    public void Offer(VideoFrame frame, TimeSpan taken) => output(frame, taken);

    public void Discontinue()
    {
    }

    public void ThrowIfFailed()
    {
    }

    public void Dispose()
    {
    }
}
