using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamDiff.Cli.Doctor;

internal enum DoctorState
{
    Ok,

    /// <summary>Not there, and some things cannot be done without it.</summary>
    Absent,

    /// <summary>Not there or unusable, and nothing works without it.</summary>
    Missing,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Area">Heading that it belongs to.</param>
/// <param name="Name">What was looked for.</param>
/// <param name="State">Whether it is there.</param>
/// <param name="Found">Version, place or reason.</param>
/// <param name="Remedy">What to do; empty when nothing is to be done.</param>
internal sealed record DoctorLine(string Area, string Name, DoctorState State, string Found, string Remedy = "")
{
    /// <summary>Of the findings as JSON.</summary>
    public static JsonSerializerOptions Format { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static DoctorLine Ok(string area, string name, string found) => new(area, name, DoctorState.Ok, found);

    public static DoctorLine Absent(string area, string name, string found, string remedy) =>
        new(area, name, DoctorState.Absent, found, remedy);

    public static DoctorLine Missing(string area, string name, string found, string remedy) =>
        new(area, name, DoctorState.Missing, found, remedy);
}
