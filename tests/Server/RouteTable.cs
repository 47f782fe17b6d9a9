using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StreamDiff.Server.Tests;

/// <summary>A route as the studio describes it.</summary>
/// <param name="Method">GET, POST ...</param>
/// <param name="Path">With names in braces.</param>
/// <param name="IsOpen">True where no key is needed.</param>
/// <param name="Role">The role that it needs.</param>
/// <param name="TakesBody">True where it has a body.</param>
internal sealed partial record ApiRoute(string Method, string Path, bool IsOpen, string Role, bool TakesBody)
{
    /// <summary>With something in place of the names.</summary>
    public string With(string name) => Placeholder().Replace(Path, name);

    public bool HasNames => Path.Contains('{', StringComparison.Ordinal);

    public override string ToString() => $"{Method} {Path}";

    /// <summary>All routes of the OpenAPI document.</summary>
    public static async Task<IReadOnlyList<ApiRoute>> Read(Uri studio, string? key = null)
    {
        using var http = new HttpClient { BaseAddress = studio };
        if (key is not null)
            http.DefaultRequestHeaders.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", key);
        var document = await http.GetFromJsonAsync<JsonElement>("openapi/v1.json");
        var routes = new List<ApiRoute>();
        foreach (var path in document.GetProperty("paths").EnumerateObject())
            foreach (var operation in path.Value.EnumerateObject())
            {
                var isOpen = !operation.Value.TryGetProperty("security", out _);
                var role = isOpen ? "" : RoleOf().Match(operation.Value.GetProperty("description").GetString()!).Groups[1].Value;
                routes.Add(new ApiRoute(
                    operation.Name.ToUpperInvariant(), path.Name, isOpen, role, operation.Value.TryGetProperty("requestBody", out _)));
            }
        return routes;
    }

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex("^Needs the role ([a-z]+)")]
    private static partial Regex RoleOf();
}
