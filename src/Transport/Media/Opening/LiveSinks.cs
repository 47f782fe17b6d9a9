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
    public static ILiveSink Open(LiveSinkOptions options, CancellationToken ct) => Open(options, null, ct);

    /// <summary>The same for one that may be <c>browser:</c>.</summary>
    /// <param name="options">The output.</param>
    /// <param name="relay">Gives it to viewers; null where there is no page.</param>
    /// <param name="ct">Breaks into the waiting.</param>
    public static ILiveSink Open(LiveSinkOptions options, PacketRelay? relay, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(options);
        FFmpegLibrary.Initialize();
        var address = MediaAddress.Parse(options.Output);
        return address.Kind switch
        {
            MediaKind.Null => new LiveNullSink(),
            MediaKind.Browser => new RelaySink(options, relay ?? throw SourceOpener.NoPage(address)),
            _ => LiveSink.Open(options, LiveOutputSettings.For(address, options), ct),
        };
    }

    /// <summary>Throws for what can be seen of an output without opening it.</summary>
    /// <exception cref="MediaException">It is not understood.</exception>
    public static void Check(string output)
    {
        var address = MediaAddress.Parse(output);
        address.CheckBrowser();
        if (address.Kind is not (MediaKind.Null or MediaKind.Browser))
        {
            FFmpegLibrary.Initialize();
            _ = LiveOutputSettings.For(address, new LiveSinkOptions { Output = output, Width = 16, Height = 16 });
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
