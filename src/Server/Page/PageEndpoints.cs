using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Page;

/// <summary>The page's files, which lie in the assembly: a request names one of them, or there is none.</summary>
internal static class PageEndpoints
{
    private const string Root = "wwwroot/";
    private const string Index = "index.html";

    // The reference of the interface makes styles as it goes.
    private const string Reference = "api.html";

    private static readonly Lazy<FrozenDictionary<string, PageFile>> Files = new(Load);

    /// <summary>Names of all files, such as <c>js/player.js</c>.</summary>
    public static IEnumerable<string> Names => Files.Value.Keys;

    /// <summary>Adds the routes.</summary>
    public static void Map(WebApplication app)
    {
        foreach (var (name, file) in Files.Value)
        {
            string[] paths = name == Index ? ["/", "/" + name] : ["/" + name];
            foreach (var path in paths)
                app.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], context => Send(context, file)).IsOpen().ExcludeFromDescription();
        }
    }

    private static Task Send(HttpContext context, PageFile file)
    {
        var headers = context.Response.GetTypedHeaders();
        if (file.Name == Reference)
            context.Response.Headers.ContentSecurityPolicy = SecurityHeaders.PolicyWithStyles;
        headers.ETag = file.Tag;
        // Asked for again each time and not sent again: a new program has a new page at once.
        headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Compare(file.Tag, useStrongComparison: false)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        context.Response.ContentType = file.Type;
        context.Response.ContentLength = file.Content.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(file.Content, context.RequestAborted).AsTask();
    }

    private static FrozenDictionary<string, PageFile> Load()
    {
        var types = new FileExtensionContentTypeProvider();
        var files = new Dictionary<string, PageFile>(StringComparer.Ordinal);
        var assembly = typeof(PageEndpoints).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Root, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var type = types.TryGetContentType(resource, out var known) ? known : "application/octet-stream";
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexString(SHA256.HashData(content))[..16]}\"");
            var name = resource[Root.Length..];
            files[name] = new PageFile(name, content, IsText(type) ? $"{type}; charset=utf-8" : type, tag);
        }
        return files.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static bool IsText(string type) =>
        type.StartsWith("text/", StringComparison.Ordinal) || type is "application/json" or "image/svg+xml" or "application/manifest+json";

    private sealed record PageFile(string Name, ReadOnlyMemory<byte> Content, string Type, EntityTagHeaderValue Tag);
}
