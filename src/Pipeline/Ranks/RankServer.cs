using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A rank process: where it listens, what it serves.</summary>
public sealed record RankServerOptions
{
    /// <summary>host:port, :port for all addresses, port 0 for a free one.</summary>
    public required string Listen { get; init; }

    /// <summary>Model, device, type, which must be the driver's, and threads, by default one per core.</summary>
    public ComputeOptions Compute { get; init; } = new();

    /// <summary>Random weights of the model's sizes, for measurements of time. Default false.</summary>
    public bool RandomWeights { get; init; }

    /// <summary>Core to run on. Null: any.</summary>
    public int? Core { get; init; }

    /// <summary>File with the secret that ranks share. Null: the environment variable, or none.</summary>
    public string? SecretFile { get; init; }

    /// <summary>PEM files of a certificate and its key. Null: no TLS.</summary>
    public (string Certificate, string Key)? Tls { get; init; }
}

/// <summary>
/// <c>streamdiff rank</c>: serves one driver after another until it is stopped. Weights are loaded when a driver says which blocks.
/// </summary>
public static class RankServer
{
    /// <param name="options">Where and what.</param>
    /// <param name="log">One line for what happens; the first says where it listens.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ModelException">Something cannot be used as asked.</exception>
    public static void Run(RankServerOptions options, Action<string> log, CancellationToken cancellation)
    {
        var plan = ComputePlan.Of(options.Compute, _ => get_num_threads());
        var (model, target) = (options.RandomWeights ? plan.Model.WithRandomTransformer() : plan.Model, plan.Target);
        var endpoint = ParseEndpoint(options.Listen);
        var link = ListenerOptions(options);
        link = link with { Devices = RankConnector.LanesOf(target.Device) };
        if (link.Secret.Length == 0 && !IPAddress.IsLoopback(endpoint.Address))
            throw new ModelException(
                $"{options.Listen} can be reached from elsewhere: give the ranks a secret with --secret-file or {RankSecret.Variable}"
                + "; 'streamdiff secret FILE' makes one");

        using var loras = plan.OpenLoras();
        var identity = RankConnector.IdentityOf(model, target.Type, loras, plan.Transformer);
        var connector = new RankConnector(new LocalRanks(), link, identity);
        using var inbox = new LinkInbox();
        try
        {
            using var listener = new SocketListener(endpoint, link, identity, accepted => accepted.Open(inbox), log);
            var name = listener.Endpoint.ToString();
            var source = new RankModel(
                plan.Transformer, () => ModelBundle.OpenTransformer(model), target.Device, target.Type, loras);
            using var worker = new RankWorker(source, inbox, connector, name) { Log = log };
            log($"listening at {name}: {model.Name}, {target.Device}, {target.Type}");
            foreach (var lora in loras?.Loras ?? [])
                log($"lora {lora.Summary}");
            using var stop = cancellation.Register(inbox.Dispose);
            if (options.Core is { } core)
                CoreAffinity.PinThisThread(core);
            worker.Run(options.Compute.Threads);
        }
        catch (LinkException e)
        {
            throw new ModelException(e.Message, e);
        }
    }

    /// <exception cref="ModelException">The text is no address.</exception>
    public static IPEndPoint ParseEndpoint(string text)
    {
        var colon = text.LastIndexOf(':');
        var host = colon <= 0 ? "0.0.0.0" : text[..colon].Trim('[', ']');
        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > 65535)
            throw new ModelException($"listen must be HOST:PORT, such as 127.0.0.1:7000, not {text}");
        if (IPAddress.TryParse(host, out var address))
            return new IPEndPoint(address, port);
        try
        {
            return new IPEndPoint(Dns.GetHostAddresses(host)[0], port);
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new ModelException($"{host} is no address of this machine: {e.Message}", e);
        }
    }

    private static LinkOptions ListenerOptions(RankServerOptions options)
    {
        var link = new LinkOptions { Secret = RankSecret.Read(options.SecretFile) };
        if (options.Tls is not var (certificate, key))
            return link;
        try
        {
            var own = X509Certificate2.CreateFromPemFile(certificate, key);
            // Neighbours show certificates of the same authority, or this very one.
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(certificate);
            return link with { ServerCertificate = own, TrustedCertificates = trusted };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"the TLS certificate cannot be used: {e.Message}", e);
        }
    }
}
