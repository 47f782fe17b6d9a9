using System.Globalization;
using System.Net.Sockets;
using System.Text;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>What <c>relay://HOST:PORT[,HOST:PORT]/NAME?token=TOKEN</c> says.</summary>
internal sealed record RelayAddress
{
    private const int LongestAnswer = 8;
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    private IReadOnlyList<(string Host, int Port)> _given = [];

    /// <summary>The stream.</summary>
    public required string Name { get; init; }

    /// <summary>What opens the relay.</summary>
    public required string Token { get; init; }

    /// <summary>As it is shown.</summary>
    public required string Shown { get; init; }

    /// <summary>Where it is had: those that are there by now, and those that were when the stream began.</summary>
    public IEnumerable<(string Host, int Port)> Hosts => Parsed(RelayHosts.Current, Shown).Union(_given);

    /// <exception cref="MediaException">It is not understood.</exception>
    public static RelayAddress Parse(MediaAddress address)
    {
        var rest = address.Target["relay://".Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var hosts = Parsed(slash < 0 ? "" : rest[..slash], address.Shown);
        return hosts.Count > 0 && slash + 1 < rest.Length
            ? new RelayAddress
            {
                _given = hosts,
                Name = Uri.UnescapeDataString(rest[(slash + 1)..]),
                Token = address.Query.GetValueOrDefault("token") ?? "",
                Shown = address.Shown,
            }
            : throw Wrong(address.Shown);
    }

    /// <summary>Calls one of the hosts.</summary>
    /// <param name="host">The host.</param>
    /// <param name="greeting">The first word, which says what is wanted.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <returns>The connection, which is the caller's, and the host's answer; null where it is not there.</returns>
    public async Task<(Socket Socket, string Answer)?> Call((string Host, int Port) host, string greeting, CancellationToken ct)
    {
        Socket? socket = null;
        try
        {
            // Also where there is no handle for it now.
            socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var hurry = CancellationTokenSource.CreateLinkedTokenSource(ct);
            hurry.CancelAfter(AnswerWithin);
            await socket.ConnectAsync(host.Host, host.Port, hurry.Token).ConfigureAwait(false);
            _ = await socket.SendAsync(Encoding.UTF8.GetBytes($"{greeting} {Token} {Name}\n"), hurry.Token).ConfigureAwait(false);
            return (socket, await Answer(socket, hurry.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket?.Dispose();
            ct.ThrowIfCancellationRequested();
            return null;
        }
    }

    // Not a byte more: what follows is the stream.
    private static async Task<string> Answer(Socket socket, CancellationToken ct)
    {
        var one = new byte[1];
        var answer = new StringBuilder();
        while (answer.Length < LongestAnswer && await socket.ReceiveAsync(one, ct).ConfigureAwait(false) == 1 && one[0] != '\n')
        {
            _ = answer.Append((char)one[0]);
        }

        return answer.ToString();
    }

    private static List<(string Host, int Port)> Parsed(string list, string shown)
    {
        var hosts = new List<(string, int)>();
        foreach (var host in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = host.LastIndexOf(':');
            if (colon < 1 || !ushort.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                || port == 0)
            {
                throw Wrong(shown);
            }

            hosts.Add((host[..colon].Trim('[', ']'), port));
        }

        return hosts;
    }

    private static MediaException Wrong(string shown) => new($"'{shown}': write relay://HOST:PORT/NAME?token=TOKEN");
}
