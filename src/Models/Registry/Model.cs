namespace StreamDiff.Models.Registry;

/// <summary>A model that was found: its description and where its files lie.</summary>
/// <param name="Name">Name of its folder.</param>
/// <param name="Folder">Folder of model.json and manifest.json.</param>
/// <param name="WeightsFolder">Folder that the manifest's paths start from; it need not exist yet.</param>
public sealed record Model(string Name, string Folder, string WeightsFolder, ModelConfig Config, ModelManifest Manifest)
{
    internal const string ConfigFile = "model.json";
    internal const string ManifestFile = "manifest.json";
    internal const string WeightsFolderName = "weights";

    /// <summary>Full path of a weights entry, or null with the seed for <c>random:SEED</c>.</summary>
    public string? PathOf(string weights, out long seed) =>
        WeightFiles.IsRandom(weights, out seed) ? null : Path.Combine(WeightsFolder, weights);

    /// <summary>The same with random weights in the transformer, for measurements of time: nothing need be downloaded.</summary>
    public Model WithRandomTransformer() => this with { Config = Config with { Weights = Config.Weights with { Dit = "random:1" } } };

    /// <summary>The same with random weights in transformer and autoencoders.</summary>
    public Model WithRandomWeights() => this with
    {
        Config = Config with
        {
            Weights = Config.Weights with
            {
                Dit = "random:1",
                Taehv = Config.Weights.Taehv is null ? null : "random:2",
                Wan = Config.Weights.Wan is null ? null : "random:3",
            },
        },
    };

    /// <summary>Full path of a file of the manifest.</summary>
    public string PathOf(ModelFile file) => Path.Combine(WeightsFolder, file.Path);
}
