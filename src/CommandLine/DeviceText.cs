using System.Text.Json;
using StreamDiff.Models.Files;
using StreamDiff.Scheduling.Simulation;

namespace StreamDiff.CommandLine;

/// <summary>A simulated device as users name it: one that is known, or the file of one that was measured.</summary>
public static class DeviceText
{
    private const int LargestFile = 1 << 20;

    /// <summary>For an option's description.</summary>
    public static string Help { get; } =
        $"{string.Join(", ", SimulatedDevice.Known.Keys)}, or the file of a device that was measured ('streamdiff calibrate --device-file "
            + "FILE').";

    /// <summary>The device; null, and one problem more, where there is none.</summary>
    public static SimulatedDevice? Read(string name, List<string> problems)
    {
        if (SimulatedDevice.Known.TryGetValue(name, out var known))
            return known;
        try
        {
            if (File.Exists(name)
                && JsonSerializer.Deserialize<SimulatedDevice>(BoundedFile.ReadText(name, LargestFile)) is
                {
                    FrameTokens: > 0 and <= 1 << 20, CachedFrames: >= 0 and <= 4096, Lanes: > 0 and <= 1024,
                    CodingWorkers: >= 0 and <= 1024, Encode: >= 0 and <= 3600, Decode: >= 0 and <= 3600, Terms.IsPossible: true,
                    Name: not null,
                } device)
                return device;
            problems.Add(
                $"device '{name}' is none of {string.Join(", ", SimulatedDevice.Known.Keys)}, and no file of a device ('streamdiff "
                    + "calibrate --device-file FILE' writes one)");
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException or InvalidOperationException
            or NotSupportedException)
        {
            problems.Add($"device file '{name}' cannot be read: {e.Message}");
        }
        return null;
    }
}
