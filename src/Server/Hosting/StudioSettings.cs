using System.Net;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Hosting;

/// <summary>How the studio is reached, and by whom.</summary>
public sealed record StudioSettings
{
    /// <summary>Where it listens where nobody says otherwise.</summary>
    public const string DefaultAddress = "127.0.0.1:8188";

    /// <summary>Address and port to listen at; port 0 takes a free one.</summary>
    public required IPEndPoint Address { get; init; }

    /// <summary>Where keys, presets, webhooks, recordings and logs are kept.</summary>
    public string Folder { get; init; } = StudioFolder.Default;

    /// <summary>True asks for a key on this machine too; where others can reach it, one is needed in any case.</summary>
    public bool RequiresKey { get; init; }

    /// <summary>A key of an admin besides those that are kept: that of a fleet that it works for. Null for none.</summary>
    public string? Token { get; init; }

    /// <summary>Names by which it may be reached, besides addresses and this machine's own.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>PEM file with a certificate and what it is signed by; null for HTTP.</summary>
    public string? Certificate { get; init; }

    /// <summary>PEM file with its key; null where the certificate's file has it.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>What one caller may use up.</summary>
    public StudioLimits Limits { get; init; } = new();

    /// <summary>A playlist for players that none has asked for so long is no longer filled. Default: 10 s.</summary>
    public TimeSpan PlaylistIdle { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Before a webhook is tried the second time; doubled with each attempt. Default: half a second.</summary>
    public TimeSpan WebhookDelay { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>True where a key is needed.</summary>
    public bool NeedsKey => RequiresKey || !IPAddress.IsLoopback(Address.Address);
}

/// <summary>What a studio takes from one caller, or from all together.</summary>
public sealed record StudioLimits
{
    /// <summary>Requests a second of one key, or of one address without a key. Default 100.</summary>
    public int RequestsPerSecond { get; init; } = 100;

    /// <summary>Requests that may come at once. Default 500.</summary>
    public int Burst { get; init; } = 500;

    /// <summary>Attempts to log in from one address in a minute. Default 10.</summary>
    public int LoginsPerMinute { get; init; } = 10;

    /// <summary>
    /// Requests of players that may wait for what comes next of one session, half of them from one address. Default 512.
    /// </summary>
    public int WaitingPlayers { get; init; } = 512;

    /// <summary>Bytes of a body. Default 1 MiB.</summary>
    public int BodyBytes { get; init; } = 1 << 20;

    /// <summary>Connections at once. Default 1024.</summary>
    public int Connections { get; init; } = 1024;
}
