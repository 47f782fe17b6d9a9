using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>Opens outputs whose time does not wait.</summary>
public static class LiveSinks
{
    /// <summary>Connects, or waits for the one who is to connect, and writes the header.</summary>
    /// <exception cref="MediaException">The output is not understood, or cannot be opened now.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static ILiveSink Open(LiveSinkOptions options, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(options);
        FFmpegLibrary.Initialize();
        var address = MediaAddress.Parse(options.Output);
        return address.Kind == MediaKind.Null ? new LiveNullSink() : LiveSink.Open(options, LiveOutputSettings.For(address, options), ct);
    }

    /// <summary>Encodes for all viewers of a relay at once.</summary>
    /// <param name="options">Size, rate and sound; the address is for messages.</param>
    /// <param name="relay">The viewers.</param>
    /// <exception cref="MediaException">This FFmpeg has no encoder for H.264, or it refuses the size.</exception>
    public static ILiveSink ForViewers(LiveSinkOptions options, PacketRelay relay)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(relay);
        FFmpegLibrary.Initialize();
        // What browsers play is whole.
        return new RelaySink(options with { HasAlpha = false }, relay);
    }

    /// <summary>Throws for what can be seen of an output without opening it.</summary>
    /// <exception cref="MediaException">
    /// It is not understood, what it speaks cannot hold the codec, or the encoder does not work here.
    /// </exception>
    public static void Check(LiveSinkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var address = MediaAddress.Parse(options.Output);
        if (address.Kind != MediaKind.Null)
        {
            FFmpegLibrary.Initialize();
            LiveSink.Check(options, LiveOutputSettings.For(address, options));
        }
    }

    private sealed class LiveNullSink : ILiveSink
    {
        public void Write(VideoFrame frame, long number) => ArgumentNullException.ThrowIfNull(frame);

        public void Write(SoundBlock block) => ArgumentNullException.ThrowIfNull(block);

        public void Complete()
        {
        }

        public void Dispose()
        {
        }
    }
}
