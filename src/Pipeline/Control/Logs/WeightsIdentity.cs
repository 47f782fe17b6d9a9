using System.Security.Cryptography;
using System.Text;
using StreamDiff.Models.Files;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Pipeline.Control.Logs;

/// <summary>
/// Says whether two models are the same: SHA-256 over the model's description and, for each file of weights in use, the hash of its bytes,
/// or for a large file its listed hash and size: reading 28 GB would delay a stream's start by a minute.
/// </summary>
internal static class WeightsIdentity
{
    private const long LargestHashed = 256 << 20;

    /// <param name="model">From the catalog.</param>
    /// <param name="vae">taehv or wan.</param>
    /// <param name="loras">What is added to its weights: by their contents, wherever they lie.</param>
    /// <param name="heads">Which heads look back on the whole window; null for all.</param>
    public static string Of(Model model, string vae, IEnumerable<LoraChoice> loras, HeadSplit? heads)
    {
        var weights = model.Config.Weights;
        var text = new StringBuilder(File.ReadAllText(Path.Combine(model.Folder, "model.json")));
        foreach (var name in (string?[])[weights.Dit, weights.TextEncoder, weights.Tokenizer, vae == "wan" ? weights.Wan : weights.Taehv])
            if (name is not null)
                text.Append('\n').Append(name).Append(' ').Append(Describe(model, name));
        foreach (var lora in loras)
            text.Append('\n').Append(lora.Name).Append(' ').Append(LoraSet.DigestOf(lora));
        if (heads is not null)
            text.Append("\nheads ").Append(heads.Digest);
        return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Describe(Model model, string name)
    {
        // Weights made from a seed are named by it.
        if (model.PathOf(name, out _) is not { } path)
            return "";
        if (FileLength.Of(path) is <= LargestHashed)
        {
            using var bytes = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(bytes));
        }
        var files = model.Manifest.Files.Where(f => model.PathOf(f).StartsWith(path, StringComparison.Ordinal))
            .OrderBy(f => f.Path, StringComparer.Ordinal);
        return string.Join(' ', files.Select(
            f => $"{f.Sha256} {FileLength.Of(model.PathOf(f)) ?? 0}"));
    }
}
