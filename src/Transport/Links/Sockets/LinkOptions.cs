namespace StreamDiff.Transport.Links.Sockets;

/// <summary>Limits and secrets of socket links.</summary>
public sealed record LinkOptions
{
    /// <summary>Least bytes of a secret: whoever is called sees a keyed hash, and could try out shorter ones until one fits.</summary>
    public const int ShortestSecret = 32;

    /// <summary>Both ends must know it; empty for none. What is sent is a keyed hash of fresh random numbers, never the secret.</summary>
    /// <exception cref="ArgumentException">It is neither empty nor <see cref="ShortestSecret"/> bytes long.</exception>
    public byte[] Secret
    {
        get;
        init => field = value.Length is 0 or >= ShortestSecret
            ? value
            : throw new ArgumentException($"a secret has {ShortestSecret} bytes or more, not {value.Length}", nameof(value));
    } = [];

    /// <summary>Longest header in bytes. Default 256 KiB.</summary>
    public int MaxHeaderBytes { get; init; } = 256 << 10;

    /// <summary>
    /// Most bytes of numbers in one message. Default 1 GiB: the cache of one block of the 14B model at 832x480 is a quarter of that.
    /// </summary>
    public long MaxPayloadBytes { get; init; } = 1L << 30;

    /// <summary>Messages that may wait to be sent; then <see cref="ILink.Send"/> waits. Default 8.</summary>
    public int MaxOutstanding { get; init; } = 8;

    /// <summary>Longest time for connecting and shaking hands. Default 5 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Longest time for opening a lane between devices; then arrays go through host memory. Default 60 s: NCCL prepares the devices.
    /// </summary>
    public TimeSpan LaneTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest time in which a message must have left; then the peer is taken for dead. Default 20 s.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// A peer of which nothing has been heard for so long is asked by the system whether it is there, then each half of this time; three
    /// questions without an answer break the link, and so do data that are not acknowledged for as long as that takes (Linux only). Whole
    /// seconds. Default 10 s, so a machine that has vanished is noticed after 25 s. A process that is silent is kept: its system answers.
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Connections whose handshake may be under way at the same time; the oldest makes room for a new one. Default 64.</summary>
    public int MaxHandshakes { get; init; } = 64;

    /// <summary>Lanes between devices, used with neighbours that have them too; null for none: arrays go through host memory.</summary>
    public Nccl.IDeviceLanes? Devices { get; init; }

    /// <summary>Certificate and key that a listener shows; null for no TLS.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2? ServerCertificate { get; init; }

    /// <summary>Certificates, or their authorities, that a caller accepts; null for no TLS.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2Collection? TrustedCertificates { get; init; }
}

/// <summary>What both ends of a link between ranks must have in common, in words that can be shown to people.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Shape">Sizes of its network.</param>
/// <param name="Weights">What tells its weights from others.</param>
/// <param name="Type">Type that it computes in.</param>
public sealed record LinkIdentity(string Model, string Shape, string Weights, string Type)
{
    /// <summary>Why two ends cannot work together; null when they can.</summary>
    public string? Conflict(LinkIdentity other)
    {
        foreach (var (what, mine, theirs) in ((string, string, string)[])[("model", Model, other.Model), ("network", Shape, other.Shape),
            ("weights", Weights, other.Weights), ("type", Type, other.Type)])
            if (mine != theirs)
                return $"its {what} is {mine}, the caller's is {theirs}";
        return null;
    }
}
