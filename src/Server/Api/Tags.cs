using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Api;

/// <summary>Versions as ETags: what a change is meant for is said by If-Match.</summary>
internal static class Tags
{
    /// <summary>Tells the version of what is answered.</summary>
    public static void Tell(HttpContext context, long version) =>
        context.Response.Headers.ETag = string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>The version that a change is meant for; null for any.</summary>
    /// <exception cref="RefusedException">It is no tag of ours.</exception>
    public static long? Wanted(HttpContext context)
    {
        var header = context.Request.Headers.IfMatch.ToString();
        if (header.Length == 0 || header == "*")
            return null;
        return long.TryParse(header.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var version)
            ? version
            : throw new RefusedException(StatusCodes.Status400BadRequest, $"If-Match must be an ETag that the studio gave, such as \"3\"");
    }
}
