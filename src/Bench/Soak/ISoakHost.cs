using StreamDiff.Pipeline.Control;
using StreamDiff.Transport.Media;

namespace StreamDiff.Bench.Soak;

/// <summary>What sessions come to and leave.</summary>
internal interface ISoakHost : IDisposable
{
    /// <summary>How sessions share the model, for the report.</summary>
    string Description { get; }

    /// <summary>Fills what networks keep for good, such as what they know of timesteps, so that later it does not grow.</summary>
    void Settle();

    /// <summary>Waits until nothing of sessions that have ended is at work any more, such as prompts that nobody wants now.</summary>
    void Rest(CancellationToken cancellation);

    /// <summary>A new session; null when it was refused.</summary>
    ISoakSession? Open(int steps, (int Width, int Height) size, double rate, long seed);
}

/// <summary>A session; disposing it ends it.</summary>
internal interface ISoakSession : IDisposable
{
    /// <summary>Frames handed over so far.</summary>
    long Given { get; }

    /// <summary>Changes of control that took effect so far.</summary>
    long Changed { get; }

    /// <summary>Takes a frame over; never waits.</summary>
    void Offer(VideoFrame frame);

    /// <summary>Asks for a change; never waits.</summary>
    void Change(ControlChange change);

    /// <summary>Throws what went wrong inside, if anything did.</summary>
    void ThrowIfFailed();
}
