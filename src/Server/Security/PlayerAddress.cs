using System.Net;
using Microsoft.AspNetCore.Http;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Server.Security;

/// <summary>
/// Where a player asks from. A front of a fleet tells it to the worker that makes the playlist in a header, which is believed from nobody
/// else.
/// </summary>
internal static class PlayerAddress
{
    /// <summary>The header.</summary>
    public const string Header = "StreamDiff-Player-Address";

    /// <summary>The player's address, or its network (<see cref="PeerNetwork"/>).</summary>
    public static IPAddress Of(HttpContext context) => PeerNetwork.Of(
        ReferenceEquals(Caller.Of(context), Caller.Fleet) && IPAddress.TryParse(context.Request.Headers[Header].ToString(), out var told)
            ? told
            : context.Connection.RemoteIpAddress ?? IPAddress.None);

    /// <summary>Tells it to the worker that makes the playlist.</summary>
    public static void Forward(HttpRequest request, HttpRequestMessage proxied) =>
        _ = proxied.Headers.TryAddWithoutValidation(Header, Of(request.HttpContext).ToString());
}
