using System.Text.Json;

namespace StreamDiff.Models.Registry;

/// <summary>
/// Reads one JSON object key by key and collects what is wrong instead of throwing, so that a file's problems are reported together.
/// A key that is asked for and absent, of another kind, or there without being asked for is a problem.
/// </summary>
internal sealed class JsonSection
{
    private const int MostValues = 4096;
    private readonly JsonElement _element;
    private readonly string _path;
    private readonly List<string> _problems;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public JsonSection(JsonElement element, string path, List<string> problems)
    {
        _element = element;
        _path = path;
        _problems = problems;
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
            _problems.Add($"{(path.Length == 0 ? "the file" : path)} must be an object, not {Kind(element)}");
    }

    public int Int(string key, int min = 1, int max = int.MaxValue) =>
        Read(key, e => e.ValueKind == JsonValueKind.Number && e.TryGetInt32(out var v) && v >= min && v <= max ? v : null as int?,
            max == int.MaxValue ? $"a whole number of at least {min}" : $"a whole number from {min} to {max}") ?? min;

    public long? OptionalLong(string key) =>
        Has(key) ? Read(key, e => e.ValueKind == JsonValueKind.Number && e.TryGetInt64(out var v) && v >= 0 ? v : null as long?,
            "a whole number of at least 0") : null;

    public int? OptionalInt(string key, int max) => Has(key) ? Int(key, max: max) : null;

    public double? OptionalDouble(string key, double min, double max) => Has(key) ? Double(key, min, max) : null;

    public double Double(string key, double min, double max) =>
        Read(key, e => e.ValueKind == JsonValueKind.Number && e.GetDouble() is var v && v >= min && v <= max ? v : null as double?,
            FormattableString.Invariant($"a number from {min} to {max}")) ?? min;

    public bool Bool(string key) =>
        Read(key, e => e.ValueKind is JsonValueKind.True or JsonValueKind.False ? e.GetBoolean() : null as bool?, "true or false") ?? false;

    public string String(string key) =>
        ReadClass(key, e => e.ValueKind == JsonValueKind.String && Text(e) is { Length: > 0 } s ? s : null,
            "a text that is not empty, without NUL") ?? "";

    public string? OptionalString(string key) => Has(key) ? String(key) : null;

    public IReadOnlyList<int> Ints(string key, int? count = null, int min = 1, int max = int.MaxValue) =>
        List(key, count, e => e.ValueKind == JsonValueKind.Number && e.TryGetInt32(out var v) && v >= min && v <= max ? v : null as int?,
            max == int.MaxValue ? $"whole numbers of at least {min}" : $"whole numbers from {min} to {max}");

    public IReadOnlyList<double> Doubles(string key, int? count = null) =>
        List(key, count, e => e.ValueKind == JsonValueKind.Number && double.IsFinite(e.GetDouble())
            ? e.GetDouble() : null as double?, "numbers");

    public IReadOnlyList<string> Strings(string key) =>
        ReadClass(key, e =>
            e.ValueKind == JsonValueKind.Array && e.GetArrayLength() > 0 && e.EnumerateArray().All(t =>
                t.ValueKind == JsonValueKind.String && Text(t) is not null)
            ? e.EnumerateArray().Select(t => Text(t)!).ToArray() : null, "a list of texts") ?? [];

    public IReadOnlyList<string>? OptionalStrings(string key) => Has(key) ? Strings(key) : null;

    /// <summary>Two numbers, the least and the most.</summary>
    public UsefulRange? OptionalRange(string key, double min, double max) => !Has(key) ? null : Read(key, e =>
        e.ValueKind == JsonValueKind.Array && e.GetArrayLength() == 2 && e.EnumerateArray().All(n => n.ValueKind == JsonValueKind.Number)
        && new UsefulRange(e[0].GetDouble(), e[1].GetDouble()) is var range && min <= range.Least && range.Least <= range.Most
        && range.Most <= max ? range : null as UsefulRange?,
        FormattableString.Invariant($"two rising numbers from {min} to {max}"));

    public IReadOnlyList<bool> Bools(string key, int? count = null) =>
        List(key, count, e => e.ValueKind is JsonValueKind.True or JsonValueKind.False ? e.GetBoolean() : null as bool?,
            "true or false values");

    public JsonSection Section(string key)
    {
        _known.Add(key);
        if (Has(key))
            return new JsonSection(_element.GetProperty(key), Name(key), _problems);
        Missing(key);
        // The keys of a section that is not there at all are not worth a line each.
        return new JsonSection(default, Name(key), []);
    }

    public JsonSection? OptionalSection(string key) => Has(key) ? Section(key) : null;

    public IReadOnlyList<JsonSection> OptionalSections(string key) => Has(key) ? Sections(key) : [];

    public IReadOnlyList<JsonSection> Sections(string key)
    {
        var array = ReadClass(key, e => e.ValueKind == JsonValueKind.Array ? e.EnumerateArray().ToArray() : null, "a list of objects")
            ?? [];
        return [.. array.Select((e, i) => new JsonSection(e, $"{Name(key)}[{i}]", _problems))];
    }

    /// <summary>Adds a problem with a key's value that only makes sense to the caller.</summary>
    public void Problem(string key, string text) => _problems.Add($"{Name(key)} {text}");

    /// <summary>Call last: whatever was not asked for is unknown.</summary>
    public void Finish()
    {
        if (_element.ValueKind != JsonValueKind.Object)
            return;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in _element.EnumerateObject())
        {
            if (!_known.Contains(property.Name))
                _problems.Add($"unknown key {Name(property.Name)}");
            else if (!seen.Add(property.Name))
                _problems.Add($"{Name(property.Name)} is there twice");
        }
    }

    private bool Has(string key)
    {
        _known.Add(key);
        return _element.ValueKind == JsonValueKind.Object && _element.TryGetProperty(key, out var value)
            && value.ValueKind != JsonValueKind.Null;
    }

    private T? Read<T>(string key, Func<JsonElement, T?> convert, string wanted) where T : struct
    {
        if (!Has(key))
        {
            Missing(key);
            return null;
        }
        var element = _element.GetProperty(key);
        var value = convert(element);
        if (value is null)
            Wrong(key, element, wanted);
        return value;
    }

    private T? ReadClass<T>(string key, Func<JsonElement, T?> convert, string wanted) where T : class
    {
        if (!Has(key))
        {
            Missing(key);
            return null;
        }
        var element = _element.GetProperty(key);
        var value = convert(element);
        if (value is null)
            Wrong(key, element, wanted);
        return value;
    }

    private T[] List<T>(string key, int? count, Func<JsonElement, T?> convert, string wanted) where T : struct =>
        ReadClass(key, e =>
        {
            if (e.ValueKind != JsonValueKind.Array || e.GetArrayLength() > MostValues)
                return null;
            var values = e.EnumerateArray().Select(convert).ToArray();
            var right = values.All(v => v is not null) && (count is null ? values.Length > 0 : values.Length == count);
            return right ? Array.ConvertAll(values, v => v!.Value) : null;
        }, count is null ? $"a list of {wanted}" : $"a list of {count} {wanted}") ?? new T[count ?? 1];

    private void Missing(string key) => _problems.Add($"missing key {Name(key)}");

    private void Wrong(string key, JsonElement element, string wanted) =>
        _problems.Add($"{Name(key)} must be {wanted}, not {Kind(element)}");

    // Null for half a surrogate pair, and for what no path and no C library takes.
    private static string? Text(JsonElement element)
    {
        try
        {
            return element.GetString() is { } text && !text.Contains('\0', StringComparison.Ordinal) ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private string Name(string key) => _path.Length == 0 ? key : $"{_path}.{key}";

    private static string Kind(JsonElement element)
    {
        var text = element.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 40 ? text : text[..40] + "...";
    }
}
