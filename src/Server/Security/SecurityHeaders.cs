using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace StreamDiff.Server.Security;

/// <summary>What browsers are told of every answer.</summary>
internal static class SecurityHeaders
{
    /// <summary>The page brings everything itself: no inline script, no other host, no frame around it.</summary>
    public const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
        + "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    /// <summary>The same for a page that makes styles as it goes; scripts are as strict.</summary>
    public static string PolicyWithStyles { get; } = Policy.Replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");

    /// <summary>Adds them.</summary>
    public static void Use(WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), "
            + "midi=(self)";
        headers.CacheControl = "no-store";
        return next(context);
    });
}
