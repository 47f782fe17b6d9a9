using StreamDiff.Transport.Media;

namespace StreamDiff.Bench.Soak;

/// <summary>What sessions come to and leave.</summary>
internal interface ISoakHost : IDisposable
{
    /// <summary>How sessions share the model, for the report.</summary>
    string Description { get; }

    /// <summary>A new session; null when it was refused.</summary>
    ISoakSession? Open(int steps, (int Width, int Height) size, double rate, long seed);
}

/// <summary>A session; disposing it ends it.</summary>
internal interface ISoakSession : IDisposable
{
    /// <summary>Frames handed over so far.</summary>
    long Given { get; }

    /// <summary>Takes a frame over; never waits.</summary>
    void Offer(VideoFrame frame);

    /// <summary>Throws what went wrong inside, if anything did.</summary>
    void ThrowIfFailed();
}
