using Microsoft.AspNetCore.Builder;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Browser;

/// <summary>
/// Frames to and from browsers: <c>/api/v1/sessions/{name}/view</c> (WebSocket, out) and <c>/api/v1/sessions/{name}/publish</c>
/// (WebSocket, in).
/// </summary>
/// <remarks>
/// Out: <c>sessions.Find(name).Outputs.Add("viewers", (format, ct) =&gt; sink)</c> gives frames of the session to a sink, one for all
/// viewers, until what is given back is disposed. In: a session whose input is <c>browser</c> has the address <c>browser:NAME</c>.
/// </remarks>
public static class BrowserEndpoints
{
    /// <summary>Adds the routes. Keys, origins, hosts and limits have been checked before a request comes here.</summary>
    public static void Map(WebApplication app, StudioSessions sessions)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(sessions);
    }
}
