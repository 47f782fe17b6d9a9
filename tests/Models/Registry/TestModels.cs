using System.Text.Json.Nodes;
using StreamDiff.Models.Registry;
using StreamDiff.Testing;

namespace StreamDiff.Models.Tests.Registry;

/// <summary>Folders of models made from the shipped ones, changed where a test wants it.</summary>
internal static class TestModels
{
    public static JsonObject TinyConfig() => Read("tiny", "model.json");

    public static JsonObject Read(string model, string file) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(new ModelCatalog().Find(model).Folder, file)))!.AsObject();

    /// <summary>Writes a model of random weights; <paramref name="files"/> are path, bytes expected and hash.</summary>
    public static string Write(
        TempFolder folder, string root, string name, params (string Path, long? Size, string? Sha256, string? Url)[] files)
    {
        var config = TinyConfig();
        if (files.Length > 0)
            config["weights"]!["tokenizer"] = files[0].Path;
        folder.Write(Path.Combine(root, name, "model.json"), config.ToJsonString());
        var list = new JsonArray([.. files.Select(f => (JsonNode)new JsonObject
        {
            ["path"] = f.Path,
            ["role"] = "tokenizer",
            ["url"] = f.Url,
            ["size"] = f.Size,
            ["sha256"] = f.Sha256,
            ["license"] = "MIT",
            ["source"] = "a test",
        })]);
        folder.Write(Path.Combine(root, name, "manifest.json"), new JsonObject { ["files"] = list }.ToJsonString());
        return folder[root, name];
    }
}
