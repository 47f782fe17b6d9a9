using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Api;

/// <summary>A page logs in with a key once, and has a cookie that no script can read from then on.</summary>
internal sealed class LoginEndpoints(KeyFile keys, Tickets tickets)
{
    /// <summary>Name of the limit on attempts.</summary>
    public const string Limit = "login";

    public void Map(RouteGroupBuilder api)
    {
        api.MapPost("/login", Login).IsOpen().WithName("login").WithSummary("Give a key for a cookie; for pages.")
            .WithMetadata(new Microsoft.AspNetCore.RateLimiting.EnableRateLimitingAttribute(Limit));
        api.MapPost("/logout", Logout).Needs(Role.Viewer).WithName("logout").WithSummary("Give the cookie up.");
        api.MapGet("/me", (Caller caller) => Info(caller)).Needs(Role.Viewer).WithName("whoAmI")
            .WithSummary("Whose key it is, and what it may do.");
    }

    private Ok<CallerInfo> Login([FromBody] Login body, HttpContext context)
    {
        if (keys.Find(body.Key) is not { } key)
            throw new RefusedException(StatusCodes.Status401Unauthorized, "this key is not known here");
        context.Response.Cookies.Append(Tickets.Cookie, tickets.Issue(body.Key), Options(context, Tickets.Lifetime));
        return TypedResults.Ok(Info(new Caller(key.Name, key.Role, key.Sessions)));
    }

    private NoContent Logout(HttpContext context, Caller caller)
    {
        _ = caller;
        if (context.Request.Cookies[Tickets.Cookie] is { } ticket)
            tickets.Revoke(ticket);
        context.Response.Cookies.Delete(Tickets.Cookie, Options(context, null));
        return TypedResults.NoContent();
    }

    private static CookieOptions Options(HttpContext context, TimeSpan? lifetime) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = context.Request.IsHttps,
        Path = "/",
        MaxAge = lifetime,
        IsEssential = true,
    };

    private static CallerInfo Info(Caller caller) => new(caller.Name, caller.Role.ToString().ToLowerInvariant(), caller.Sessions);
}
