using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamDiff.Client;

/// <summary>How the studio's JSON is written and read, on both sides.</summary>
public static class StudioJson
{
    /// <summary>
    /// Names in camelCase; what is null is left out; what is not known, or comes twice, or is null and may not be, is refused.
    /// </summary>
    public static JsonSerializerOptions Strict { get; } = Make(JsonUnmappedMemberHandling.Disallow);

    /// <summary>The same for answers: what a newer studio says besides is passed over.</summary>
    public static JsonSerializerOptions Lenient { get; } = Make(JsonUnmappedMemberHandling.Skip);

    /// <summary>Makes some options strict.</summary>
    public static void Apply(JsonSerializerOptions options, JsonUnmappedMemberHandling unknown = JsonUnmappedMemberHandling.Disallow)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.UnmappedMemberHandling = unknown;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.AllowDuplicateProperties = false;
        // What must be there is not null either.
        options.RespectNullableAnnotations = true;
        options.MaxDepth = 16;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        // Answers are never put into HTML as they are.
        options.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
    }

    private static JsonSerializerOptions Make(JsonUnmappedMemberHandling unknown)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Apply(options, unknown);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
