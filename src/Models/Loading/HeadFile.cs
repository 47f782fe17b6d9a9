using System.Text;
using System.Text.Json;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Models.Loading;

/// <summary>
/// A split of a transformer's attention heads as a file (docs/heads.md): JSON, read strictly. Made by <c>streamdiff heads</c> for one
/// model's weights and of no use to others.
/// </summary>
/// <param name="Split">The heads.</param>
/// <param name="Scores">By block and head the relative error of the network's output where that head alone streams.</param>
/// <param name="Measured">How they were measured, for a reader.</param>
public sealed record HeadFile(HeadSplit Split, IReadOnlyList<IReadOnlyList<double>> Scores, string Measured)
{
    /// <summary>Its name beside a model.</summary>
    public const string Name = "heads.json";

    private const int MostFrames = 4096;

    /// <summary>Where a model's own would lie.</summary>
    public static string Beside(Model model) => Path.Combine(model.Folder, Name);

    /// <summary>Which weights of the transformer a model has: its seed where they are random, otherwise the beginning of the hashes that
    /// its manifest lists.</summary>
    public static string WeightsOf(Model model)
    {
        var weights = model.Config.Weights.Dit;
        if (model.PathOf(weights, out _) is not { } path)
            return weights;
        var listed = model.Manifest.Files.Where(f => model.PathOf(f).StartsWith(path, StringComparison.Ordinal))
            .Select(f => f.Sha256 ?? f.Path).Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ', listed))))[..16];
    }

    /// <param name="file">The file.</param>
    /// <param name="model">What it must have been made for.</param>
    /// <exception cref="ModelException">It cannot be read, is damaged, or was made for another model; one line.</exception>
    public static HeadFile Read(string file, Model model)
    {
        using var document = ModelConfigReader.Parse(file);
        var problems = new List<string>();
        var read = ModelConfigReader.WithTexts(file, () => Read(new JsonSection(document.RootElement, "", problems), model, problems));
        return problems.Count == 0 ? read : throw ModelConfigReader.Problems(file, problems);
    }

    /// <summary>The text of the file for a model.</summary>
    public string TextFor(Model model)
    {
        var text = new StringBuilder("{\n");
        text.Append("  \"model\": ").Append(JsonSerializer.Serialize(model.Name)).Append(",\n");
        text.Append("  \"weights\": ").Append(JsonSerializer.Serialize(WeightsOf(model))).Append(",\n");
        text.Append("  \"measured\": ").Append(JsonSerializer.Serialize(Measured)).Append(",\n");
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"  \"window_frames\": {Split.WindowFrames},\n");
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"  \"sink_frames\": {Split.SinkFrames},\n");
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"  \"recent_frames\": {Split.RecentFrames},\n");
        text.Append("  \"blocks\": [\n");
        for (var block = 0; block < Split.Retrieval.Count; block++)
        {
            var retrieval = Scores[block].Select((_, head) => Split.Retrieval[block].Contains(head));
            text.Append("    { \"retrieval\": ").Append(JsonSerializer.Serialize(retrieval)).Append(", \"scores\": ")
                .Append(JsonSerializer.Serialize(Scores[block].Select(s => Math.Round(s, 6)))).Append(" }")
                .Append(block + 1 < Split.Retrieval.Count ? ",\n" : "\n");
        }
        return text.Append("  ]\n}\n").ToString();
    }

    private static HeadFile Read(JsonSection root, Model model, List<string> problems)
    {
        var (name, weights) = (root.String("model"), root.String("weights"));
        var measured = root.OptionalString("measured") ?? "";
        var window = root.Int("window_frames", max: MostFrames);
        var (sinks, recent) = (root.Int("sink_frames", min: 0, max: MostFrames), root.Int("recent_frames", max: MostFrames));
        var sections = root.Sections("blocks");
        root.Finish();
        // A file of another model is told of as that, not as one with wrong numbers.
        if (problems.Count == 0 && weights != WeightsOf(model))
        {
            problems.Add(name == model.Name
                ? $"was made for other weights of {name}: make it anew with 'streamdiff heads'"
                : $"was made for model {name}, not for {model.Name}: 'streamdiff heads --model {model.Name}' makes one");
            return new HeadFile(new HeadSplit(window, sinks, recent, []), [], measured);
        }
        var dit = model.Config.Dit;
        if (sections.Count != dit.NumLayers)
            problems.Add($"blocks must be {dit.NumLayers}, as {model.Name} has, not {sections.Count}");
        if (window <= sinks + recent)
            problems.Add($"window_frames must be more than sink_frames and recent_frames, {sinks + recent}, not {window}");
        var (retrieval, scores) = (new List<int[]>(), new List<IReadOnlyList<double>>());
        foreach (var section in sections)
        {
            var kinds = section.Bools("retrieval", dit.NumHeads);
            scores.Add(section.Doubles("scores", dit.NumHeads));
            section.Finish();
            retrieval.Add([.. Enumerable.Range(0, kinds.Count).Where(head => kinds[head])]);
        }
        return new HeadFile(new HeadSplit(window, sinks, recent, retrieval), scores, measured);
    }
}
