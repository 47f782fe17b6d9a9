using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using Preset = StreamDiff.Client.Preset;

namespace StreamDiff.Server.Api;

/// <summary>Presets: settings under a name, the same that runs and sessions take. What is listed is what can be imported.</summary>
internal sealed class PresetEndpoints(PresetLibrary presets)
{
    private const int LongestThumbnail = 256 * 1024;

    private static readonly (string Begin, string Ending)[] Pictures =
    [
        ("data:image/png;base64,", ".png"), ("data:image/jpeg;base64,", ".jpg"), ("data:image/webp;base64,", ".webp"),
    ];

    private readonly Lock _gate = new();

    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/presets", All).Needs(Role.Viewer).WithName("listPresets").WithSummary("All presets.");
        api.MapGet("/presets/{preset}", One).Needs(Role.Viewer).WithName("getPreset").WithSummary("A preset.");
        api.MapPut("/presets/{preset}", Put).Needs(Role.Operator).WithName("putPreset")
            .WithSummary("Keep a preset; with If-Match only over the version that was meant.");
        api.MapPost("/presets", Import).Needs(Role.Operator).WithName("importPresets")
            .WithSummary("Keep several presets, all or none, over those of the same names.");
        api.MapDelete("/presets/{preset}", Delete).Needs(Role.Operator).WithName("deletePreset").WithSummary("Delete a preset.");
    }

    private IReadOnlyList<Preset> All(Caller caller)
    {
        _ = caller;
        return [.. presets.All.Select(Told)];
    }

    private Ok<Preset> One(string preset, Caller caller, HttpContext context)
    {
        _ = caller;
        return Tagged(Told(Find(preset) ?? throw None(preset)), context);
    }

    private Ok<Preset> Put(string preset, [FromBody] Preset body, Caller caller, HttpContext context)
    {
        _ = caller;
        if (body.Name != preset)
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity, new FieldProblem($"name must be {preset}, as in the address", "name"));
        var version = Tags.Wanted(context);
        Check(body);
        lock (_gate)
        {
            CheckVersion(preset, version);
            return Tagged(Told(Keep([body])[0]), context);
        }
    }

    private Ok<IReadOnlyList<Preset>> Import([FromBody] IReadOnlyList<Preset> body, Caller caller)
    {
        if (body.Any(p => p is null))
            throw new RefusedException(StatusCodes.Status400BadRequest, "the body must be a list of presets");
        // What came with the program is there already, wherever the list was made.
        var meant = body.Where(p => !(p.BuiltIn && presets.Find(p.Name) is { IsBuiltIn: true })).ToList();
        foreach (var preset in meant)
            Check(preset);
        lock (_gate)
            Keep(meant);
        return TypedResults.Ok(All(caller));
    }

    private NoContent Delete(string preset, Caller caller, HttpContext context)
    {
        _ = caller;
        lock (_gate)
        {
            var found = Find(preset) ?? throw None(preset);
            CheckVersion(preset, Tags.Wanted(context));
            if (!presets.Delete(preset))
                throw new RefusedException(
                    StatusCodes.Status409Conflict,
                    found.IsBuiltIn ? $"preset {preset} came with the program: it stays" : $"preset {preset} is not the studio's own");
        }
        return TypedResults.NoContent();
    }

    private static void Check(Preset preset)
    {
        if (PresetLibrary.NameProblem(preset.Name) is { } name)
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, new FieldProblem(name, "name"));
        if (preset.Thumbnail is not null && Picture(preset) is null)
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"thumbnail must be a PNG, JPEG or WebP as data URL of at most {LongestThumbnail / 1024} KiB",
                    "thumbnail"));
        if (Read(preset).Changes().Select(ControlLimits.Widest.Refusal).FirstOrDefault(r => r is not null) is { } reason)
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, new FieldProblem(reason, "settings"));
    }

    // All or none: whether there is room is known before the first is kept.
    private IReadOnlyList<Pipeline.Control.Presets.Preset> Keep(IReadOnlyList<Preset> wanted)
    {
        var names = presets.All.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var before = names.Count;
        names.UnionWith(wanted.Select(p => p.Name));
        if (names.Count > Math.Max(PresetLibrary.Most, before))
            throw new RefusedException(
                StatusCodes.Status409Conflict, $"more than {PresetLibrary.Most} presets are not kept: delete some first");
        return presets.Keep([.. wanted.Select(p => (Read(p), Picture(p)))]);
    }

    private void CheckVersion(string preset, long? version)
    {
        if (version is not { } wanted)
            return;
        var found = Find(preset) ?? throw None(preset);
        if (wanted != found.Version)
            throw new RefusedException(
                StatusCodes.Status412PreconditionFailed, $"preset {preset} has version {found.Version} by now, not {wanted}");
    }

    private Pipeline.Control.Presets.Preset? Find(string name)
    {
        try
        {
            return presets.Find(name);
        }
        catch (ControlException e)
        {
            throw new RefusedException(StatusCodes.Status409Conflict, e.Message);
        }
    }

    private static Pipeline.Control.Presets.Preset Read(Preset preset) => new(preset.Name)
    {
        Prompt = preset.Settings.Prompt,
        Blend = preset.Settings.Blend,
        Spherical = preset.Settings.Spherical,
        NoiseScale = preset.Settings.NoiseScale,
        Steps = preset.Settings.Steps,
        Seed = preset.Settings.Seed,
        Sinks = preset.Settings.Sinks,
        SinkThreshold = preset.Settings.SinkThreshold,
        Loras = preset.Settings.Loras ?? new Dictionary<string, double>(),
    };

    private static Preset Told(Pipeline.Control.Presets.Preset preset) => new()
    {
        Name = preset.Name,
        Settings = new PresetSettings
        {
            Prompt = preset.Prompt,
            Blend = preset.Blend,
            Spherical = preset.Spherical,
            NoiseScale = preset.NoiseScale,
            Steps = preset.Steps,
            Seed = preset.Seed,
            Sinks = preset.Sinks,
            SinkThreshold = preset.SinkThreshold,
            Loras = preset.Loras.Count > 0 ? preset.Loras : null,
        },
        Thumbnail = Thumbnail(preset.ThumbnailFile),
        Version = preset.Version,
        BuiltIn = preset.IsBuiltIn,
    };

    private static string? Thumbnail(string? file)
    {
        if (file is null || new FileInfo(file) is not { Exists: true, Length: <= LongestThumbnail })
            return null;
        var begin = Array.Find(Pictures, p => file.EndsWith(p.Ending, StringComparison.Ordinal)).Begin;
        return begin + Convert.ToBase64String(File.ReadAllBytes(file));
    }

    private static (string Ending, byte[] Bytes)? Picture(Preset preset)
    {
        foreach (var (begin, ending) in Pictures)
            if (preset.Thumbnail is { Length: <= LongestThumbnail } picture && picture.StartsWith(begin, StringComparison.Ordinal))
            {
                var bytes = new byte[picture.Length];
                return Convert.TryFromBase64String(picture[begin.Length..], bytes, out var count) ? (ending, bytes[..count]) : null;
            }
        return null;
    }

    private static Ok<Preset> Tagged(Preset preset, HttpContext context)
    {
        Tags.Tell(context, preset.Version);
        return TypedResults.Ok(preset);
    }

    private static RefusedException None(string name) => RefusedException.NotFound($"there is no preset named {name}");
}
