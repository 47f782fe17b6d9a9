using System.Net;

namespace StreamDiff.Server.Hosting;

/// <summary>How the studio is reached.</summary>
public sealed record StudioSettings
{
    /// <summary>Where it listens where nobody says otherwise.</summary>
    public const string DefaultAddress = "127.0.0.1:8188";

    /// <summary>Address and port to listen at; port 0 takes a free one.</summary>
    public required IPEndPoint Address { get; init; }
}
