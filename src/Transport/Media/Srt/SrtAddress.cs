using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>An SRT address, its settings in the words and units of FFmpeg's.</summary>
internal sealed record SrtAddress
{
    private const int ShortestPassphrase = 10;
    private const int LongestPassphrase = 79;
    private const int LongestStreamId = 512;

    // Microseconds in the address, milliseconds in the library.
    private static readonly Dictionary<string, SrtOption[]> Latencies = new(StringComparer.Ordinal)
    {
        ["latency"] = [SrtOption.ReceiverLatency, SrtOption.PeerLatency],
        ["tsbpddelay"] = [SrtOption.ReceiverLatency, SrtOption.PeerLatency],
        ["rcvlatency"] = [SrtOption.ReceiverLatency],
        ["peerlatency"] = [SrtOption.PeerLatency],
    };

    private static readonly Dictionary<string, SrtOption> Numbers = new(StringComparer.Ordinal)
    {
        ["pbkeylen"] = SrtOption.KeyLength,
        ["connect_timeout"] = SrtOption.ConnectTimeout,
        ["payload_size"] = SrtOption.PayloadSize,
        ["pkt_size"] = SrtOption.PayloadSize,
        ["oheadbw"] = SrtOption.Overhead,
        ["ipttl"] = SrtOption.TimeToLive,
        ["iptos"] = SrtOption.TypeOfService,
        ["tlpktdrop"] = SrtOption.DropsLate,
        ["nakreport"] = SrtOption.NakReport,
        ["sndbuf"] = SrtOption.SendBuffer,
        ["send_buffer_size"] = SrtOption.SendBuffer,
        ["rcvbuf"] = SrtOption.ReceiveBuffer,
        ["recv_buffer_size"] = SrtOption.ReceiveBuffer,
        ["lossmaxttl"] = SrtOption.ReorderTolerance,
    };

    private static readonly Dictionary<string, SrtOption> LargeNumbers = new(StringComparer.Ordinal)
    {
        ["maxbw"] = SrtOption.MaximumBandwidth,
        ["inputbw"] = SrtOption.InputBandwidth,
    };

    /// <summary>Without secrets, for messages.</summary>
    public required string Shown { get; init; }

    public required string Host { get; init; }

    public required int Port { get; init; }

    public bool IsListener { get; init; }

    public bool IsRendezvous { get; init; }

    /// <summary>True when a new caller ends the connection of the one that is there (<c>override=1</c>). Default false.</summary>
    public bool Overrides { get; init; }

    /// <summary>Secret of the encryption; empty for none.</summary>
    public string Passphrase { get; init; } = "";

    /// <summary>What a caller names, and what a listener asks for; empty for nothing.</summary>
    public string StreamId { get; init; } = "";

    /// <summary>How long packets may be on their way, those that are sent again included; default 120 ms.</summary>
    public TimeSpan Latency => TimeSpan.FromMilliseconds(
        Settings.Where(s => s.Option is SrtOption.ReceiverLatency or SrtOption.PeerLatency).Select(s => s.Value).DefaultIfEmpty(120).Max());

    /// <summary>Settings of the socket, latencies in milliseconds.</summary>
    public IReadOnlyList<(SrtOption Option, long Value)> Settings { get; init; } = [];

    /// <exception cref="MediaException">It lacks something or contradicts itself.</exception>
    public static SrtAddress Parse(MediaAddress address)
    {
        if (!Uri.TryCreate(address.Target.Replace("://:", "://0.0.0.0:", StringComparison.Ordinal), UriKind.Absolute, out var uri)
            || uri.Port <= 0)
        {
            throw new MediaException($"'{address.Shown}' names no port: write srt://host:port?mode=caller or ?mode=listener.");
        }

        var mode = address.Query.GetValueOrDefault("mode") ?? "caller";
        if (mode is not ("caller" or "listener" or "rendezvous"))
        {
            throw new MediaException($"'{address.Shown}': the mode is caller or listener, not '{mode}'.");
        }

        var secret = address.Query.GetValueOrDefault("passphrase") ?? "";
        if (secret.Length is > 0 and < ShortestPassphrase or > LongestPassphrase)
        {
            throw new MediaException(
                $"'{address.Shown}': an SRT passphrase has {ShortestPassphrase} to {LongestPassphrase} characters, not {secret.Length}.");
        }

        var id = Uri.UnescapeDataString(
            address.Query.GetValueOrDefault("streamid") ?? address.Query.GetValueOrDefault("srt_streamid") ?? "");
        if (id.Length > LongestStreamId)
        {
            throw new MediaException($"'{address.Shown}': a stream id has at most {LongestStreamId} characters, not {id.Length}.");
        }

        return new SrtAddress
        {
            Shown = address.Shown,
            Host = uri.Host,
            Port = uri.Port,
            IsListener = mode == "listener",
            IsRendezvous = mode == "rendezvous",
            Overrides = address.Query.TryGetValue("override", out var value) && value != "0",
            Passphrase = secret,
            StreamId = id,
            Settings = [.. SettingsOf(address)],
        };
    }

    /// <summary>Where it is.</summary>
    /// <exception cref="MediaException">The name is not known.</exception>
    public IPEndPoint EndPoint(CancellationToken ct)
    {
        try
        {
            var ip = IPAddress.TryParse(Host.Trim('[', ']'), out var given)
                ? given
                : Dns.GetHostAddressesAsync(Host, ct).GetAwaiter().GetResult().FirstOrDefault();
            return new IPEndPoint(ip ?? throw new SocketException((int)SocketError.HostNotFound), Port);
        }
        catch (SocketException error)
        {
            throw new MediaException(
                $"'{Shown}' cannot be reached, the name {Host} is not known; check the address and this machine's network.", error)
            {
                Absence = SourceAbsence.Missing,
            };
        }
    }

    /// <summary>Gives a socket the address's settings, but for the stream id.</summary>
    /// <exception cref="MediaException">One of them is not taken.</exception>
    public void Apply(SrtSocket socket)
    {
        try
        {
            foreach (var (option, value) in Settings)
            {
                if (LargeNumbers.ContainsValue(option))
                {
                    socket.Set(option, value);
                }
                else
                {
                    socket.Set(option, checked((int)value));
                }
            }

            if (Passphrase.Length > 0)
            {
                socket.Set(SrtOption.Passphrase, Passphrase);
            }
        }
        catch (MediaException error)
        {
            throw new MediaException($"'{Shown}': {error.Message}.", error);
        }
    }

    private static IEnumerable<(SrtOption Option, long Value)> SettingsOf(MediaAddress address)
    {
        foreach (var (name, text) in address.Query)
        {
            if (Latencies.TryGetValue(name, out var latencies))
            {
                foreach (var option in latencies)
                {
                    yield return (option, Number(address, name, text, " of microseconds, such as 20000 for 20 ms") / 1000);
                }
            }
            else if (Numbers.TryGetValue(name, out var option) || LargeNumbers.TryGetValue(name, out option))
            {
                yield return (option, Number(address, name, text, option == SrtOption.ConnectTimeout ? " of milliseconds" : ""));
            }
        }
    }

    private static long Number(MediaAddress address, string name, string text, string unit) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && number is >= -1 and <= int.MaxValue
            ? number
            : throw new MediaException(
                $"'{address.Shown}': {name} is a whole number{unit}, not '{text}'.");
}
