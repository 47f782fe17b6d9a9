using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Scalar.AspNetCore;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Api;

/// <summary>The interface described by itself: <c>/openapi/v1.json</c>.</summary>
internal static class ApiDocument
{
    private const string Scheme = "key";

    /// <summary>Registers it.</summary>
    public static void Add(IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "StreamDiff Studio",
                Version = "v1",
                Description = "Begin, steer, watch and record sessions of live video restyling. What is wrong is told as "
                    + "application/problem+json in the words of the command line.",
            };
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A key of 'streamdiff key add'.",
            };
            document.Servers = [];
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            var access = context.Description.ActionDescriptor.EndpointMetadata.OfType<Access>().LastOrDefault() ?? new Access(Role.Admin);
            operation.Responses ??= [];
            operation.Responses["4XX"] = new OpenApiResponse
            {
                Description = "What is wrong, as application/problem+json.",
            };
            if (access.Role == Role.None)
                return Task.CompletedTask;
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, context.Document)] = [] }];
            operation.Description = $"Needs the role {access.Role.ToString().ToLowerInvariant()}"
                + (access.Key == SessionKey.None ? "." : $", or the session's {access.Key.ToString().ToLowerInvariant()} key.");
            return Task.CompletedTask;
        });
    });

    /// <summary>Adds the routes: the document, and the script of the page that shows it, <c>api.html</c>.</summary>
    public static void Map(WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").Needs(Role.Viewer);
        app.MapScalarApiReference("/scalar").IsOpen();
        // Scalar's own page has its script inline, which no page of ours has.
        foreach (var path in new[] { "/scalar", "/scalar/v1" })
            app.MapGet(path, () => TypedResults.Redirect("/api.html")).IsOpen().WithOrder(-1).ExcludeFromDescription();
    }
}
