using System.Globalization;
using System.Net;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>Addresses of Open Sound Control as users write them.</summary>
public static class OscAddress
{
    /// <summary>PORT of this machine, or ADDRESS:PORT; null for anything else.</summary>
    public static IPEndPoint? TryRead(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return port <= IPEndPoint.MaxPort ? new IPEndPoint(IPAddress.Loopback, port) : null;
        return text.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(text, out var address) && address.Port > 0
            ? address
            : null;
    }

    /// <summary>The same of an option.</summary>
    /// <exception cref="ControlException">It is none.</exception>
    internal static IPEndPoint Read(string option, string text) =>
        TryRead(text) ?? throw new ControlException($"{option} must be PORT or ADDRESS:PORT, not {text}");
}
