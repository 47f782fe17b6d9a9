using System.Globalization;

namespace StreamDiff.Transport.Media.Live;

/// <summary>How FFmpeg is told to open an input whose time does not wait.</summary>
/// <param name="Url">What it opens.</param>
/// <param name="Format">Its name of the demuxer, null to let it find out.</param>
/// <param name="Options">Its options of protocol and demuxer.</param>
/// <param name="IsDevice">True when libavdevice is needed.</param>
internal sealed record LiveInputSettings(string Url, string? Format, IReadOnlyDictionary<string, string> Options, bool IsDevice = false)
{
    /// <summary>Bytes of datagrams that the system is asked to hold: seconds of a stream.</summary>
    public const int UdpBuffer = 2 << 20;

    /// <summary>The settings for an address.</summary>
    /// <exception cref="MediaException">The address lacks something or contradicts itself.</exception>
    public static LiveInputSettings For(MediaAddress address) => address.Kind switch
    {
        MediaKind.Rtmp => new(address.Text, "flv", TlsSettings.With(Probing(500_000, "rtmp_live=live", "rtmp_buffer=100"), address)),
        MediaKind.Browser => new("", "matroska", Probing(300_000)),
        MediaKind.Srt or MediaKind.Relay => TransportStream(""),
        MediaKind.Udp => Udp(address),
        MediaKind.Camera => Camera(address),
        MediaKind.Screen => Screen(address),
        MediaKind.Hls => throw new MediaException(
            $"'{address.Shown}' is an output: a playlist is read by its own name, {address.Target}, or its web address."),
        _ => new(address.Text, null, TlsSettings.With(Probing(2_000_000), address)),
    };

    /// <summary>The address with the settings that it does not name itself.</summary>
    public static string WithDefaults(MediaAddress address, params string[] defaults)
    {
        var missing = defaults.Where(setting => !address.Query.ContainsKey(setting[..setting.IndexOf('=', StringComparison.Ordinal)]))
            .ToArray();
        return missing.Length == 0 ? address.Text : address.Text + (address.Query.Count == 0 ? "?" : "&") + string.Join('&', missing);
    }

    /// <summary>Throws for what can be seen of a UDP address without opening it.</summary>
    public static void CheckUdp(MediaAddress address)
    {
        if (!Uri.TryCreate(address.Target, UriKind.Absolute, out var uri) || uri.Port <= 0)
        {
            throw new MediaException($"'{address.Shown}' names no port: write udp://host:port.");
        }
    }

    private static LiveInputSettings Udp(MediaAddress address)
    {
        CheckUdp(address);
        return TransportStream(WithDefaults(address, "fifo_size=50000", "overrun_nonfatal=1", $"buffer_size={UdpBuffer}"));
    }

    // The parser would hold each picture until the next one begins: one frame of delay. Senders put one picture into one PES packet.
    private static LiveInputSettings TransportStream(string url)
    {
        var options = Probing(1_000_000);
        options["fflags"] = "+noparse+nofillin";
        return new LiveInputSettings(url, "mpegts", options);
    }

    private static LiveInputSettings Camera(MediaAddress address)
    {
        if (!File.Exists(address.Target))
        {
            var text = $"Camera '{address.Target}' does not exist: 'streamdiff doctor' lists the video devices.";
            throw new MediaException(text) { Absence = SourceAbsence.Missing };
        }

        var options = Probing(500_000);
        Take(address, options, "size", "video_size");
        Take(address, options, "rate", "framerate");
        Take(address, options, "format", "input_format");
        return new LiveInputSettings(address.Target, "video4linux2", options, IsDevice: true);
    }

    private static LiveInputSettings Screen(MediaAddress address)
    {
        var display = address.Target.Length > 0 ? address.Target : Environment.GetEnvironmentVariable("DISPLAY");
        if (string.IsNullOrEmpty(display))
        {
            throw new MediaException("No screen: write screen::0.0, or set DISPLAY.");
        }

        var options = Probing(500_000);
        Take(address, options, "size", "video_size");
        Take(address, options, "rate", "framerate");
        return new LiveInputSettings(display, "x11grab", options, IsDevice: true);
    }

    // Without fpsprobesize=0 twenty pictures are collected before the first is given.
    private static Dictionary<string, string> Probing(int microseconds, params string[] more)
    {
        var options = new Dictionary<string, string>
        {
            ["analyzeduration"] = microseconds.ToString(CultureInfo.InvariantCulture),
            ["probesize"] = "1000000",
            ["fpsprobesize"] = "0",
        };
        foreach (var setting in more)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            options[setting[..equals]] = setting[(equals + 1)..];
        }

        return options;
    }

    private static void Take(MediaAddress address, Dictionary<string, string> options, string name, string option)
    {
        if (address.Query.TryGetValue(name, out var value))
        {
            options[option] = value;
        }
    }
}
