using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Models.Registry;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Api;

/// <summary>Models, as <c>streamdiff models</c> tells of them.</summary>
internal sealed class ModelEndpoints(ISessions sessions)
{
    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/models", All).Needs(Role.Viewer).WithName("listModels")
            .WithSummary("Every model found, and whether its files are there.");
        api.MapGet("/models/{model}", One).Needs(Role.Viewer).WithName("getModel")
            .WithSummary("A model: sizes, settings that are of use, and the styles that it knows.");
    }

    private IReadOnlyList<ModelInfo> All(Caller caller)
    {
        _ = caller;
        var catalog = new ModelCatalog();
        return [.. catalog.Names.Select(catalog.TryFind).OfType<Model>().Select(Info)];
    }

    private ModelInfo One(string model, Caller caller)
    {
        _ = caller;
        // A path would look into folders of the machine.
        var found = StudioFolder.IsName(model) ? new ModelCatalog().TryFind(model) : null;
        return found is not null ? Info(found) : throw RefusedException.NotFound($"there is no model named {model}");
    }

    private ModelInfo Info(Model model)
    {
        var diffusion = model.Config.Diffusion;
        return new ModelInfo
        {
            Name = model.Name,
            Description = model.Config.Description,
            IsReady = ModelFiles.Check(model, hash: false).All(f => f.Usable),
            IsLoaded = sessions.ModelName == model.Name,
            Modes = model.Config.Modes,
            DefaultSize = model.Config.DefaultSize.ToString(),
            MostSteps = Math.Min(4, diffusion.DenoisingSteps.Count),
            UsefulSteps = diffusion.UsefulSteps?.ToString(),
            NoiseScale = diffusion.NoiseScale,
            UsefulNoiseScale = diffusion.UsefulNoiseScale is { } useful ? [useful.Least, useful.Most] : null,
            Styles = model.Config.Styles?.Known.Select(s => new StyleInfo(s.Name, [.. s.Words])).ToList(),
        };
    }
}
