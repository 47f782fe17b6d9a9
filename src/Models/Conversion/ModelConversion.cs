using System.Text.Json;
using System.Text.Json.Nodes;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;

namespace StreamDiff.Models.Conversion;

/// <summary>A model that was made of a checkpoint.</summary>
/// <param name="Name">Name of its folder.</param>
/// <param name="Folder">Folder of its model.json.</param>
/// <param name="Base">The model whose sizes it has, and whose other files it uses.</param>
/// <param name="Tensors">Weights written.</param>
/// <param name="Scaled">Those of them that were in float8 with a factor.</param>
public sealed record ConvertedModel(string Name, string Folder, string Base, int Tensors, int Scaled);

/// <summary>
/// Makes a model of a transformer in one file as ComfyUI or diffusers save it: a folder with the weights under our names, and with the
/// settings and the other files of the model whose sizes it has.
/// </summary>
public static class ModelConversion
{
    private const string Weights = "transformer.safetensors";
    private const int MostNamed = 6;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Converts a checkpoint.</summary>
    /// <param name="file">safetensors, an index of several, or .pt.</param>
    /// <param name="bases">Models that it may be one of, by their sizes.</param>
    /// <param name="folder">Of the new model; must not hold one.</param>
    /// <param name="cancellation">Ends it; what was written by then is deleted.</param>
    /// <exception cref="ModelException">It is none of these models; names what is unknown, missing or of another size.</exception>
    public static ConvertedModel Convert(
        string file, IReadOnlyList<Model> bases, string folder, CancellationToken cancellation = default)
    {
        LibTorch.Load();
        if (Array.Find([Model.ConfigFile, Model.ManifestFile], name => File.Exists(Path.Combine(folder, name))) is { } there)
            throw new ModelException($"{folder} holds a model already ({there}): give another --output");
        using var checkpoint = CheckpointFile.Open(file);
        var candidates = bases.Select(b => (Model: b, Shapes: CausalWanModel.Shapes(ModelBundle.TransformerConfig(b.Config))))
            .Select(b => (b.Model, b.Shapes, Spelling: new TransformerSpelling(checkpoint, b.Shapes)))
            .OrderBy(b => b.Spelling.Missing.Count + b.Spelling.Misshapen.Count).ToList();
        var (model, shapes, spelling) = candidates[0];
        if (!spelling.Fits)
            throw new ModelException($"{file} is no transformer of the sizes of {model.Name}: {Problems(spelling)}");

        var folderOfWeights = Path.Combine(folder, Model.WeightsFolderName);
        var path = Path.Combine(folderOfWeights, Weights);
        if (File.Exists(path))
            throw new ModelException($"{path} is there already and is not written over: give another --output");
        try
        {
            Directory.CreateDirectory(folderOfWeights);
            SafetensorsWriter.WriteEach(path, [.. shapes.Select(
                s => new TensorToWrite(s.Key, spelling.TypeOf(s.Key), s.Value, () =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    return spelling.Read(s.Key);
                }))]);
            try
            {
                WriteDescriptions(model, folder, path, Path.GetFileName(file), cancellation);
            }
            catch
            {
                // Without the settings they are no model, and in the way of the next try.
                File.Delete(path);
                File.Delete(Path.Combine(folder, Model.ManifestFile));
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{folder} cannot be written: {e.Message.TrimEnd('.')}", e);
        }
        return new ConvertedModel(Path.GetFileName(Path.GetFullPath(folder)), folder, model.Name, shapes.Count, spelling.Scaled);
    }

    // The settings last: a folder without them is no model.
    private static void WriteDescriptions(Model model, string folder, string weights, string from, CancellationToken cancellation)
    {
        var manifest = Read(model, Model.ManifestFile);
        var files = manifest["files"]!.AsArray();
        foreach (var old in files.Where(f => (string?)f!["role"] == "dit").ToList())
            files.Remove(old);
        // What comes with the program has no address: it is copied.
        foreach (var own in model.Manifest.Files.Where(f => f.Url is null && f.Role != "dit"))
        {
            var copy = Path.Combine(folder, Model.WeightsFolderName, own.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(model.PathOf(own), copy, overwrite: true);
        }
        files.Insert(0, new JsonObject
        {
            ["path"] = Weights,
            ["role"] = "dit",
            ["url"] = null,
            ["size"] = new FileInfo(weights).Length,
            ["sha256"] = Sha256.OfFile(weights, cancellation: cancellation),
            ["license"] = null,
            ["source"] = $"converted from {from}",
        });
        var config = Read(model, Model.ConfigFile);
        config["description"] = $"converted from {from}, with the sizes and settings of {model.Name}";
        config["weights"]!["dit"] = Weights;
        File.WriteAllText(Path.Combine(folder, Model.ManifestFile), manifest.ToJsonString(Indented) + "\n");
        File.WriteAllText(Path.Combine(folder, Model.ConfigFile), config.ToJsonString(Indented) + "\n");
    }

    private static JsonNode Read(Model model, string name) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(model.Folder, name)), documentOptions: new JsonDocumentOptions
        {
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
        })!;

    private static string Problems(TransformerSpelling spelling)
    {
        (string What, IReadOnlyList<string> Names)[] problems =
        [
            ("missing", spelling.Missing), ("unknown", spelling.Unknown), ("of another size", spelling.Misshapen),
            ("there twice", spelling.Twice), ("not stored as floating-point numbers", spelling.NoNumbers),
        ];
        return string.Join("; ", problems.Where(p => p.Names.Count > 0).Select(p =>
            $"{p.Names.Count} {p.What} ({string.Join(", ", p.Names.Take(MostNamed).Select(Printable.Of))}"
            + $"{(p.Names.Count > MostNamed ? ", ..." : "")})"));
    }
}
