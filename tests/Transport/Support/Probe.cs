using System.Globalization;
using System.Text.Json;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>Reads files with the ffprobe and ffmpeg commands.</summary>
internal static class Probe
{
    /// <summary>One field of the first stream of a kind ("v" or "a"), as ffprobe writes it.</summary>
    public static string Stream(string path, string kind, string field) =>
        Streams(path, kind)[0].TryGetProperty(field, out var value) ? value.ToString() : "";

    /// <summary>True when the file has a stream of the kind.</summary>
    public static bool Has(string path, string kind) => Streams(path, kind).Length > 0;

    /// <summary>Presentation times in seconds of all pictures, in the order in which they are shown.</summary>
    public static double[] PictureTimes(string path) => Times(path, "v", "frame");

    /// <summary>Where the file begins, in seconds.</summary>
    public static double Start(string path) => double.Parse(
        CommandLine.Run("ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", path),
        CultureInfo.InvariantCulture);

    /// <summary>Presentation times in seconds of all packets of sound.</summary>
    public static double[] SoundTimes(string path) => Times(path, "a", "packet");

    /// <summary>All pictures as packed RGB24.</summary>
    public static byte[] Decoded(string path) => Raw("-i", path, "-map", "0:v", "-f", "rawvideo", "-pix_fmt", "rgb24");

    /// <summary>All sound as mono 16-bit samples at 48 kHz, silence before a late start included.</summary>
    public static short[] Samples(string path)
    {
        var bytes = Raw("-i", path, "-map", "0:a", "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "s16le");
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, short>(bytes).ToArray();
    }

    private static byte[] Raw(params string[] arguments)
    {
        using var folder = new TempFolder();
        var file = folder.File("raw");
        CommandLine.Run("ffmpeg", ["-v", "error", .. arguments, file]);
        return File.ReadAllBytes(file);
    }

    private static JsonElement[] Streams(string path, string kind) => Query(path, "streams", "-select_streams", kind, "-show_streams");

    private static double[] Times(string path, string kind, string entry)
    {
        var property = entry == "frame" ? "best_effort_timestamp_time" : "pts_time";
        return Query(path, entry + "s", "-select_streams", kind, $"-show_{entry}s", "-show_entries", $"{entry}={property}")
            .Select(item => double.Parse(item.GetProperty(property).GetString()!, CultureInfo.InvariantCulture)).Order().ToArray();
    }

    private static JsonElement[] Query(string path, string list, params string[] arguments)
    {
        var json = CommandLine.Run("ffprobe", ["-v", "error", "-of", "json", .. arguments, path]);
        return JsonDocument.Parse(json).RootElement.GetProperty(list).EnumerateArray().ToArray();
    }
}
