using System.Globalization;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;
using StreamDiff.Transport.Media.Srt;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>How FFmpeg is told to open an output.</summary>
internal static unsafe class LiveOutputSettings
{
    private const double UsualPiece = 2;

    /// <exception cref="MediaException">The address is not understood or is no output.</exception>
    public static OutputTarget For(MediaAddress address, LiveSinkOptions options) => address.Kind switch
    {
        MediaKind.Rtmp => new(address.Shown, address.Text, "flv",
            TlsSettings.With(new Dictionary<string, string> { ["flvflags"] = "no_duration_filesize" }, address),
            OpenTimeout: options.OpenTimeout, WriteTimeout: options.WriteTimeout, WhenUnreachable: TlsSettings.WhenUnreachable(address)),
        MediaKind.Srt => Srt(address, options),
        MediaKind.Relay => Relay(address, options),
        MediaKind.Udp => Udp(address, options),
        MediaKind.Camera => Camera(address),
        MediaKind.File => File(address.Text),
        MediaKind.Hls => Playlist(address),
        MediaKind.RtmpListen => throw new MediaException(
            $"'{address.Shown}': players cannot be listened for with RTMP; publish to nginx or MediaMTX, or use srt://...?mode=listener."),
        MediaKind.Browser => throw new MediaException(
            $"'{address.Shown}' is an input: whatever a session of 'streamdiff studio' makes can be watched on its page."),
        _ => throw new MediaException(
            $"'{address.Shown}' is no output: use a file, rtmp://, rtmps://, srt://, udp://, hls:/folder/stream.m3u8, "
                + "v4l2:/dev/videoN or null:."),
    };

    private static OutputTarget Udp(MediaAddress address, LiveSinkOptions options)
    {
        LiveInputSettings.CheckUdp(address);
        return TransportStream(address, LiveInputSettings.WithDefaults(address, "pkt_size=1316"), options.OpenTimeout, options, null);
    }

    private static OutputTarget Srt(MediaAddress address, LiveSinkOptions options)
    {
        var srt = SrtAddress.Parse(address);
        return TransportStream(address, "", null, options, srt.Latency * 1.5 + TimeSpan.FromMilliseconds(20)) with
        {
            Connect = ct => srt.IsListener ? SrtReceiver.WaitFor(srt, ct) : SrtCaller.Connect(srt, ct),
        };
    }

    private static OutputTarget Relay(MediaAddress address, LiveSinkOptions options)
    {
        _ = RelayAddress.Parse(address);
        return TransportStream(address, "", null, options, null) with { Connect = ct => RelaySender.Connect(address, ct) };
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

    // Pieces begin with key frames. Numbers that begin with the time of day never come twice: what a player keeps of an earlier run is not
    // shown in this one.
    private static OutputTarget Playlist(MediaAddress address)
    {
        var path = address.Target;
        if (!path.EndsWith(".m3u8", StringComparison.OrdinalIgnoreCase))
        {
            throw new MediaException($"'{address.Shown}' must name a playlist: hls:/folder/stream.m3u8.");
        }

        var options = new Dictionary<string, string>
        {
            ["hls_time"] = Text(PieceSeconds(address)),
            ["hls_list_size"] = "6",
            ["hls_delete_threshold"] = "3",
            ["hls_start_number_source"] = "epoch",
            ["hls_segment_filename"] = Path.ChangeExtension(path, null).Replace("%", "%%", StringComparison.Ordinal) + "-%d.ts",
            ["hls_flags"] = "delete_segments+independent_segments+program_date_time+temp_file",
        };
        return new OutputTarget(address.Shown, path, "hls", options, KeyFrameSeconds: Math.Min(UsualPiece, PieceSeconds(address)));
    }

    /// <summary>Seconds of a piece of a playlist (<c>?piece=</c>); default 2.</summary>
    /// <exception cref="MediaException">It is no number from 1 to 10.</exception>
    public static double PieceSeconds(MediaAddress address) => !address.Query.TryGetValue("piece", out var text) ? UsualPiece
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 10
        ? seconds
        : throw new MediaException($"'{address.Shown}': piece must be from 1 to 10 seconds, not '{text}'.");

    private static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    // A recording never has the name of a file that exists.
    private static OutputTarget File(string path)
    {
        OutputPath.ThrowIfUnusable(path, input: null);
        return Recording.For(path, beside: false);
    }
}
