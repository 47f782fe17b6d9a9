using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>Calls ranks that listen.</summary>
public static class SocketCaller
{
    /// <summary>A link to the rank at host:port, not opened yet.</summary>
    /// <exception cref="LinkException">It cannot be reached, or refuses; says why and what to do.</exception>
    public static ILink Connect(string address, LinkOptions options, LinkIdentity identity, string name)
    {
        using var timeout = new CancellationTokenSource(options.HandshakeTimeout);
        return Task.Run(() => ConnectAsync(address, options, identity, name, timeout.Token)).GetAwaiter().GetResult();
    }

    private static async Task<ILink> ConnectAsync(
        string address, LinkOptions options, LinkIdentity identity, string name, CancellationToken cancellation)
    {
        var colon = address.LastIndexOf(':');
        var host = address[..colon].Trim('[', ']');
        Socket? socket = null;
        Stream? stream = null;
        try
        {
            socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            LinkSocket.Prepare(socket, options);
            await socket.ConnectAsync(
                host, int.Parse(address.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture), cancellation)
                .ConfigureAwait(false);
            stream = await SecureAsync(new NetworkStream(socket, ownsSocket: true), host, options, cancellation).ConfigureAwait(false);
            var lane = await Handshake.CallAsync(stream, options, identity, name, cancellation).ConfigureAwait(false);
            return await LaneOpening.OpenAsync(stream, address, options, lane, isCaller: true).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (stream is not null)
                await stream.DisposeAsync().ConfigureAwait(false);
            socket?.Dispose();
            throw e switch
            {
                LinkException => new LinkException($"rank {address}: {e.Message}", e),
                OperationCanceledException =>
                    new LinkException($"rank {address} did not answer within {options.HandshakeTimeout.TotalSeconds:0.#} s", e),
                SocketException => new LinkException(
                    $"rank {address} cannot be reached: {e.Message} (is 'streamdiff rank --listen {address}' running there?)", e),
                AuthenticationException => new LinkException($"rank {address}: TLS failed: {e.Message}", e),
                _ => new LinkException($"rank {address}: the connection broke while shaking hands (does it expect TLS?)", e),
            };
        }
    }

    private static async Task<Stream> SecureAsync(Stream stream, string host, LinkOptions options, CancellationToken cancellation)
    {
        if (options.TrustedCertificates is not { } trusted)
            return stream;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(trusted);
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = policy }, cancellation).ConfigureAwait(false);
        return tls;
    }
}
