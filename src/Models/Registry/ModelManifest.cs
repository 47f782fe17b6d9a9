namespace StreamDiff.Models.Registry;

/// <summary>
/// The files that a model's networks are read from and where the public copies are, as written in its <c>manifest.json</c>.
/// </summary>
public sealed record ModelManifest
{
    public required IReadOnlyList<ModelFile> Files { get; init; }

    /// <summary>Bytes of all files whose size is known.</summary>
    public long KnownBytes => Files.Sum(f => f.Size ?? 0);

    /// <exception cref="ModelException">The file cannot be read or is not a manifest; names the file and each key.</exception>
    public static ModelManifest Read(string file)
    {
        using var document = ModelConfigReader.Parse(file);
        var problems = new List<string>();
        var root = new JsonSection(document.RootElement, "", problems);
        var files = ModelConfigReader.WithTexts(file, () =>
        {
            var read = root.Sections("files").Select(ReadFile).ToList();
            root.Finish();
            return read;
        });
        foreach (var twice in files.GroupBy(f => f.Path, StringComparer.Ordinal).Where(g => g.Count() > 1))
            problems.Add($"{twice.Key} is listed twice");
        return problems.Count == 0
            ? new ModelManifest { Files = files }
            : throw ModelConfigReader.Problems(file, problems);
    }

    private static ModelFile ReadFile(JsonSection s)
    {
        var file = new ModelFile
        {
            Path = s.String("path"),
            Role = s.String("role"),
            Url = s.OptionalString("url"),
            Size = s.OptionalLong("size"),
            Sha256 = s.OptionalString("sha256")?.ToLowerInvariant(),
            License = s.OptionalString("license"),
            Source = s.OptionalString("source"),
        };
        s.Finish();
        if (file.Path.Length > 0 && !RelativePath.IsInside(file.Path))
            s.Problem("path", "must lie below the weights folder");
        if (file.Url is not null && !(Uri.TryCreate(file.Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"))
            s.Problem("url", "must be an http or https address");
        if (file.Sha256 is not null && !Sha256.IsHex(file.Sha256))
            s.Problem("sha256", "must be 64 hexadecimal digits");
        return file;
    }
}

/// <summary>One file of a model.</summary>
public sealed record ModelFile
{
    /// <summary>Below the model's weights folder.</summary>
    public required string Path { get; init; }

    /// <summary>What reads it: dit, text_encoder, tokenizer, taehv or wan.</summary>
    public required string Role { get; init; }

    /// <summary>Null for a file that comes with the program.</summary>
    public string? Url { get; init; }

    /// <summary>Bytes; null where no public source states it.</summary>
    public long? Size { get; init; }

    /// <summary>Lower-case hexadecimal; null where no public source states it, then the server's own statement is used.</summary>
    public string? Sha256 { get; init; }

    public string? License { get; init; }

    /// <summary>Page that the file comes from, for a reader.</summary>
    public string? Source { get; init; }
}
