using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Primitives;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Security;

/// <summary>
/// Looks at every request before anything else does: which host it names, which page sent it, whose key it has, and whether that is enough
/// for its route.
/// </summary>
/// <param name="needsKey">False lets everybody in who reaches the studio.</param>
/// <param name="token">A key of an admin besides those that are kept; null for none.</param>
/// <param name="hosts">Names by which it may be reached besides addresses and this machine's own.</param>
/// <param name="keys">The API keys.</param>
/// <param name="tickets">Pages that have logged in.</param>
/// <param name="sessionKey">A session's key of one kind; null where there is no such session.</param>
internal sealed class Guard(
    bool needsKey, string? token, IReadOnlyList<string> hosts, KeyFile keys, Tickets tickets,
    Func<string, SessionKey, ValueTask<string?>> sessionKey)
{
    private const string Bearer = "Bearer ";
    private static readonly string[] Proxies = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"];

    /// <summary>Adds the checks that need no route.</summary>
    public void UseBeforeRouting(WebApplication app) => app.Use((context, next) =>
    {
        CheckHost(context.Request);
        CheckProxy(context.Request);
        CheckOrigin(context.Request);
        return next(context);
    });

    /// <summary>Finds out who it is.</summary>
    public void UseIdentity(WebApplication app) => app.Use(async (context, next) =>
    {
        (await Identify(context, context.GetEndpoint()?.Metadata.GetMetadata<Access>()).ConfigureAwait(false)).Sent(context);
        await next(context).ConfigureAwait(false);
    });

    /// <summary>Adds the check of who may do what.</summary>
    public void UseAccess(WebApplication app) => app.Use((context, next) =>
    {
        var endpoint = context.GetEndpoint();
        var access = endpoint?.Metadata.GetMetadata<Access>();
        Check(context, Caller.Of(context), access?.Role ?? (needsKey ? endpoint is null ? Role.Viewer : Role.Admin : Role.None));
        PlaylistKey.CheckSite(context);
        PlaylistKey.Share(context);
        return next(context);
    });

    private async ValueTask<Caller> Identify(HttpContext context, Access? access)
    {
        if (!needsKey)
            return Caller.Local;
        var key = KeyOf(context.Request, access);
        if (key is not null && token is not null && KeyFile.AreSame(key, token))
            return Caller.Fleet;
        if (key is not null && keys.Find(key) is { } stored)
            return Of(stored);
        if (key is not null && access is { Key: not SessionKey.None } && SessionOf(context) is { } session
            && await sessionKey(session, access.Key).ConfigureAwait(false) is { } own && KeyFile.AreSame(key, own))
            return new Caller($"{access.Key} key of {session}", access.Role, [session]);
        if (key is null && context.Request.Cookies[Tickets.Cookie] is { } ticket && tickets.Find(ticket) is { } owner)
            return Of(owner);
        return Caller.Nobody;
    }

    private static Caller Of(StoredKey key) => new(key.Name, key.Role, key.Sessions);

    private static string? KeyOf(HttpRequest request, Access? access)
    {
        if (request.Headers.Authorization.ToString() is { Length: > 0 } header)
            return header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : "";
        return access is { TakesKeyInQuery: true } && request.Query.TryGetValue("key", out var key) ? key.ToString() : null;
    }

    private static void Check(HttpContext context, Caller caller, Role role)
    {
        if (role == Role.None)
            return;
        if (caller.Role == Role.None)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            throw new RefusedException(
                StatusCodes.Status401Unauthorized,
                "a key is needed: send it as 'Authorization: Bearer KEY'; 'streamdiff key add NAME' makes one");
        }
        if (caller.Role < role)
            throw new RefusedException(
                StatusCodes.Status403Forbidden, $"the key {caller.Name} is a {Name(caller.Role)}'s: this needs {Article(role)}");
        if (SessionOf(context) is { } session && !caller.IsFor(session))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {session}");
    }

    private static string? SessionOf(HttpContext context) =>
        context.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } route }
            && route.Contains("/sessions/{name}", StringComparison.Ordinal)
            ? context.GetRouteValue("name") as string
            : null;

    // A page elsewhere whose name leads to this machine is no page of ours.
    private void CheckHost(HttpRequest request)
    {
        var host = request.Host.Host.Trim('[', ']').TrimEnd('.');
        var isKnown = host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || IPAddress.TryParse(host, out _)
            || (needsKey && host.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase))
            || hosts.Contains(host, StringComparer.OrdinalIgnoreCase);
        if (!isKnown)
            throw new RefusedException(
                StatusCodes.Status421MisdirectedRequest,
                host.Length == 0 ? "the request names no host" : $"this studio does not go by the name {host}: --host {host} lets it");
    }

    // Whatever stands between lets others in; only keys tell them apart.
    private void CheckProxy(HttpRequest request)
    {
        if (!needsKey && Array.Exists(Proxies, name => request.Headers.ContainsKey(name)))
            throw new RefusedException(
                StatusCodes.Status403Forbidden,
                "this studio is reached through a proxy and asks for no key: begin it with --require-key");
    }

    private static void CheckOrigin(HttpRequest request)
    {
        var isSafe = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        // A browser sends any page's WebSocket anywhere; what only reads cannot be read by another origin.
        if (isSafe && !IsUpgrade(request))
            return;
        var origin = request.Headers.Origin;
        var site = request.Headers["Sec-Fetch-Site"];
        var isOwn = (StringValues.IsNullOrEmpty(origin) || IsOwn(origin.ToString(), request))
            && (StringValues.IsNullOrEmpty(site) || site.ToString() is "same-origin" or "none");
        if (!isOwn)
            throw new RefusedException(StatusCodes.Status403Forbidden, "the request comes from a page of another origin");
    }

    private static bool IsUpgrade(HttpRequest request) =>
        request.Headers.Upgrade.Count > 0 || HttpMethods.IsConnect(request.Method);

    private static bool IsOwn(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && uri.Scheme == request.Scheme && $"{uri.Host}:{uri.Port}".Equals(Authority(request), StringComparison.OrdinalIgnoreCase);

    private static string Authority(HttpRequest request) =>
        $"{request.Host.Host}:{request.Host.Port ?? (request.IsHttps ? 443 : 80)}";

    private static string Name(Role role) => role.ToString().ToLowerInvariant();

    private static string Article(Role role) => role == Role.Viewer ? "a viewer" : $"an {Name(role)}";
}
