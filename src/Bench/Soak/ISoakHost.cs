using StreamDiff.Pipeline;
using StreamDiff.Pipeline.Live;
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

/// <summary>Streams with caches and threads of their own, as live runs have them; only the weights are shared.</summary>
internal sealed class SingleStreams(LoadedModel model) : ISoakHost
{
    public string Description => "single streams: weights shared, stages and caches of their own";

    public ISoakSession Open(int steps, (int Width, int Height) size, double rate, long seed) => new Session(model, model.Settings(steps, size), seed);

    public void Dispose()
    {
    }

    private sealed class Session : ISoakSession
    {
        private readonly LiveClock _clock = new(TimeProvider.System);
        private readonly StreamSession _stream;
        private readonly ModelPath _path;
        private long _given;

        public Session(LoadedModel model, SessionSettings settings, long seed)
        {
            _stream = model.OpenStream(settings, seed);
            _path = new ModelPath(_stream, settings, _clock, keepStamps: false, (frame, _) =>
            {
                frame.Dispose();
                Interlocked.Increment(ref _given);
            });
        }

        public long Given => Interlocked.Read(ref _given);

        public void Offer(VideoFrame frame) => _path.Offer(frame, _clock.Now);

        public void ThrowIfFailed() => _path.ThrowIfFailed();

        public void Dispose()
        {
            _path.Dispose();
            _stream.Dispose();
        }
    }
}
