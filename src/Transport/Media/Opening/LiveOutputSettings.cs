using System.Globalization;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>How FFmpeg is told to open an output.</summary>
internal static unsafe class LiveOutputSettings
{
    private const int DefaultSrtLatency = 120_000;

    /// <exception cref="MediaException">The address is not understood or is no output.</exception>
    public static OutputTarget For(MediaAddress address, LiveSinkOptions options) => address.Kind switch
    {
        MediaKind.Rtmp => new(address.Shown, address.Text, "flv",
            TlsSettings.With(new Dictionary<string, string> { ["flvflags"] = "no_duration_filesize" }, address),
            OpenTimeout: options.OpenTimeout, WriteTimeout: options.WriteTimeout, WhenUnreachable: TlsSettings.WhenUnreachable(address)),
        MediaKind.Srt => Srt(address, options),
        MediaKind.Udp => Udp(address, options),
        MediaKind.Camera => Camera(address),
        MediaKind.File => File(address.Text),
        MediaKind.RtmpListen => throw new MediaException(
            $"'{address.Shown}': players cannot be listened for with RTMP; publish to nginx or MediaMTX, or use srt://...?mode=listener."),
        MediaKind.Browser => throw new MediaException(
            $"'{address.Shown}' is an input: whatever a session of 'streamdiff studio' makes can be watched on its page."),
        _ => throw new MediaException(
            $"'{address.Shown}' is no output: use a file, rtmp://, rtmps://, srt://, udp://, v4l2:/dev/videoN or null:."),
    };

    private static OutputTarget Udp(MediaAddress address, LiveSinkOptions options)
    {
        LiveInputSettings.CheckUdp(address);
        return TransportStream(address, LiveInputSettings.WithDefaults(address, "pkt_size=1316"), options.OpenTimeout, options, null);
    }

    private static OutputTarget Srt(MediaAddress address, LiveSinkOptions options)
    {
        LiveInputSettings.CheckSrt(address);
        var latency = address.Query.TryGetValue("latency", out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var given)
            ? given
            : DefaultSrtLatency;
        // pkt_size: whole TS packets in one datagram; a full send buffer drops instead of waiting.
        var url = LiveInputSettings.WithDefaults(address, "mode=caller", "connect_timeout=3000", "pkt_size=1316", "linger=0");
        return TransportStream(address, url, address.IsListener ? null : options.OpenTimeout, options,
            TimeSpan.FromMicroseconds(latency * 1.5) + TimeSpan.FromMilliseconds(20));
    }

    // A length in the packet header spares the receiver the wait for the next picture.
    private static OutputTarget TransportStream(
        MediaAddress address, string url, TimeSpan? open, LiveSinkOptions options, TimeSpan? linger) =>
        new(address.Shown, url, "mpegts", new Dictionary<string, string> { ["omit_video_pes_length"] = "0", ["flush_packets"] = "1" },
            OpenTimeout: open, WriteTimeout: options.WriteTimeout, Linger: linger);

    private static OutputTarget Camera(MediaAddress address)
    {
        if (!System.IO.File.Exists(address.Target))
        {
            throw new MediaException(
                $"Virtual camera '{address.Target}' does not exist: load v4l2loopback, see docs/guides/virtual-camera.md.");
        }

        DeviceLibrary.Initialize();
        return new OutputTarget(address.Shown, address.Target, "v4l2", new Dictionary<string, string>());
    }

    // A recording never has the name of a file that exists.
    private static OutputTarget File(string path)
    {
        OutputPath.ThrowIfUnusable(path, input: null);
        return Recording.For(path, beside: false);
    }
}
