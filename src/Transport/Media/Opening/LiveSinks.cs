using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>Opens outputs whose time does not wait.</summary>
public static class LiveSinks
{
    /// <summary>What an output is made of: those that want the same may share the encoders.</summary>
    /// <exception cref="MediaException">
    /// The output is not understood, this FFmpeg lacks the encoder, or the container cannot hold its codec.
    /// </exception>
    public static OutputStreams StreamsOf(LiveSinkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        FFmpegLibrary.Initialize();
        if (options.Playlist is not null)
        {
            // As those of browsers.
            return StreamChoice.ForPlayers(options with { HasAlpha = false });
        }

        var address = MediaAddress.Parse(options.Output);
        return address.Kind == MediaKind.Null ? new OutputStreams(PictureStream.Unencoded(StreamChoice.Video(options)), null)
            : StreamChoice.For(options, LiveOutputSettings.For(address, options));
    }

    /// <summary>What browsers that watch are given.</summary>
    /// <exception cref="MediaException">This FFmpeg has no encoder for H.264.</exception>
    public static OutputStreams StreamsOfViewers(LiveSinkOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        FFmpegLibrary.Initialize();
        // What browsers play is whole.
        return StreamChoice.ForViewers(options with { HasAlpha = false });
    }

    /// <summary>Connects, or waits for the one who is to connect, and writes the header.</summary>
    /// <param name="options">The output.</param>
    /// <param name="pictures">What it will be given; null where nothing is encoded.</param>
    /// <param name="sound">Sound that it will be given; null for none.</param>
    /// <param name="ct">Ends the attempt.</param>
    /// <exception cref="MediaException">The output is not understood, or cannot be opened now.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static ILiveSink Open(
        LiveSinkOptions options, StreamDescription? pictures, StreamDescription? sound, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(options);
        FFmpegLibrary.Initialize();
        if (pictures is null)
        {
            return new LiveNullSink();
        }

        if (options.Playlist is { } playlist)
        {
            return new PlaylistSink(playlist, pictures, sound, StreamChoice.AllBits(options), ct);
        }

        var address = MediaAddress.Parse(options.Output);
        var target = LiveOutputSettings.For(address, options);
        if (address.Kind == MediaKind.Hls)
        {
            PlaylistPieces.DeleteStale(address.Target);
        }

        return new LiveSink(target, pictures, sound, ct);
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
            StreamChoice.Check(options, LiveOutputSettings.For(address, options));
        }
    }

    private sealed class LiveNullSink : ILiveSink
    {
        public void Write(EncodedUnit unit) => ArgumentNullException.ThrowIfNull(unit);

        public void Complete()
        {
        }

        public void Dispose()
        {
        }
    }
}
