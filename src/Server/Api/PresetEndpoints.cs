using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Api;

/// <summary>Presets: settings under a name. What is listed is what can be imported.</summary>
internal sealed class PresetEndpoints(JsonFile<Preset> presets)
{
    private const int Most = 500;
    private const int LongestThumbnail = 256 * 1024;
    private static readonly string[] Pictures = ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,"];

    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/presets", (Caller _) => presets.Items).Needs(Role.Viewer).WithName("listPresets").WithSummary("All presets.");
        api.MapGet("/presets/{preset}", One).Needs(Role.Viewer).WithName("getPreset").WithSummary("A preset.");
        api.MapPut("/presets/{preset}", Put).Needs(Role.Operator).WithName("putPreset")
            .WithSummary("Keep a preset; with If-Match only over the version that was meant.");
        api.MapPost("/presets", Import).Needs(Role.Operator).WithName("importPresets")
            .WithSummary("Keep several presets, all or none, over those of the same names.");
        api.MapDelete("/presets/{preset}", Delete).Needs(Role.Operator).WithName("deletePreset").WithSummary("Delete a preset.");
    }

    private Ok<Preset> One(string preset, Caller caller, HttpContext context)
    {
        _ = caller;
        return Tagged(presets.Items.FirstOrDefault(p => p.Name == preset) ?? throw None(preset), context);
    }

    private Ok<Preset> Put(string preset, [FromBody] Preset body, Caller caller, HttpContext context)
    {
        _ = caller;
        if (body.Name != preset)
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity, new FieldProblem($"name must be {preset}, as in the address", "name"));
        var version = Tags.Wanted(context);
        return Tagged(presets.Change(all => Keep(all, body, version)), context);
    }

    private Ok<IReadOnlyList<Preset>> Import([FromBody] IReadOnlyList<Preset> body, Caller caller)
    {
        _ = caller;
        presets.Change(all =>
        {
            foreach (var preset in body)
                Keep(all, preset, null);
            return true;
        });
        return TypedResults.Ok(presets.Items);
    }

    private NoContent Delete(string preset, Caller caller, HttpContext context)
    {
        _ = caller;
        var version = Tags.Wanted(context);
        presets.Change(all =>
        {
            var found = all.Find(p => p.Name == preset) ?? throw None(preset);
            CheckVersion(found, version);
            return all.Remove(found);
        });
        return TypedResults.NoContent();
    }

    private static Preset Keep(List<Preset> all, Preset preset, long? version)
    {
        if (preset.Name is not { Length: >= 1 and <= 64 } || preset.Name.Any(char.IsControl)
            || preset.Name.Contains('/', StringComparison.Ordinal))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem("the name of a preset has 1 to 64 characters without a slash", "name"));
        if (preset.Thumbnail is { } picture
            && (picture.Length > LongestThumbnail || !Array.Exists(Pictures, p => picture.StartsWith(p, StringComparison.Ordinal))))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"thumbnail must be a PNG, JPEG or WebP as data URL of at most {LongestThumbnail / 1024} KiB",
                    "thumbnail"));
        var at = all.FindIndex(p => p.Name == preset.Name);
        if (at < 0 && version is not null)
            throw None(preset.Name);
        if (at < 0 && all.Count >= Most)
            throw new RefusedException(StatusCodes.Status409Conflict, $"there are {Most} presets already: delete some first");
        if (at >= 0)
            CheckVersion(all[at], version);
        var kept = preset with { Version = at < 0 ? 1 : all[at].Version + 1 };
        if (at < 0)
            all.Add(kept);
        else
            all[at] = kept;
        return kept;
    }

    private static void CheckVersion(Preset preset, long? version)
    {
        if (version is { } wanted && wanted != preset.Version)
            throw new RefusedException(
                StatusCodes.Status412PreconditionFailed, $"preset {preset.Name} has version {preset.Version} by now, not {wanted}");
    }

    private static Ok<Preset> Tagged(Preset preset, HttpContext context)
    {
        Tags.Tell(context, preset.Version);
        return TypedResults.Ok(preset);
    }

    private static RefusedException None(string name) => RefusedException.NotFound($"there is no preset named {name}");
}
