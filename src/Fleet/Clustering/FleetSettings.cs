using System.Net;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Grains;

namespace StreamDiff.Fleet.Clustering;

/// <summary>Where the fronts of a fleet find each other and keep what they decide.</summary>
public enum ClusterKind
{
    /// <summary>One front; a folder of its machine keeps what it decides.</summary>
    Local,

    /// <summary>Redis.</summary>
    Redis,

    /// <summary>PostgreSQL.</summary>
    Postgres,
}

/// <summary>How the processes of a fleet reach each other.</summary>
public sealed record FleetSettings
{
    /// <summary>Port of fronts among each other, where nothing else is said.</summary>
    public const int DefaultSiloPort = 11111;

    /// <summary>Port of fronts for workers, where nothing else is said.</summary>
    public const int DefaultGatewayPort = 30000;

    /// <summary>Where fronts find each other.</summary>
    public ClusterKind Kind { get; init; }

    /// <summary>Connection string of the store; empty for <see cref="ClusterKind.Local"/>.</summary>
    public string Connection { get; init; } = "";

    /// <summary>Fleets of other names share a store with this one without knowing. Default "streamdiff".</summary>
    public string Name { get; init; } = "streamdiff";

    /// <summary>Address of this process for the others. Default: this machine only.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Port of a front for fronts.</summary>
    public int SiloPort { get; init; } = DefaultSiloPort;

    /// <summary>Port of a front for workers.</summary>
    public int GatewayPort { get; init; } = DefaultGatewayPort;

    /// <summary>Gateways that a worker calls where there is no store to ask.</summary>
    public IReadOnlyList<IPEndPoint> Gateways { get; init; } = [];

    /// <summary>Where a single front keeps what it decides.</summary>
    public string Folder { get; init; } = "";

    /// <summary>What fronts and workers know each other by in HTTP and relays.</summary>
    public string Key { get; init; } = "";

    /// <summary>Certificates of mutual TLS between fronts, and between fronts and workers; null for none.</summary>
    public FleetTls? Tls { get; init; }

    /// <summary>Heartbeats.</summary>
    public FleetTimes Times { get; init; } = FleetTimes.Usual;

    /// <summary>What the fleet does by itself.</summary>
    public FleetRules Rules { get; init; } = new();

    /// <summary>Address of the Orleans dashboard; null for none.</summary>
    public IPEndPoint? Dashboard { get; init; }

    /// <summary>True where the fronts are pods: names and addresses come from Kubernetes.</summary>
    public bool IsInKubernetes { get; init; }
}

/// <summary>Files of mutual TLS.</summary>
/// <param name="Certificate">PEM with this process's certificate and its key.</param>
/// <param name="Authority">PEM with the certificate that everybody's is signed by.</param>
public sealed record FleetTls(string Certificate, string Authority);
