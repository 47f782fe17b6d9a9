using System.Diagnostics;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;

namespace StreamDiff.Cli.Output;

/// <summary>Progress of long work on one file, in words.</summary>
internal sealed class FileText(ModelFile file)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long? _first;

    public static double? Share(DownloadProgress p) => p.Total is > 0 and { } total ? (double)p.Bytes / total : null;

    /// <summary>How much is there, how fast it comes, how long it will take.</summary>
    public string Downloading(DownloadProgress p)
    {
        _first ??= p.Bytes;
        var text = $"{file.Path}: {ByteSize.Text(p.Bytes)}{(p.Total is { } total ? $" of {ByteSize.Text(total)}" : "")}";
        var seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        var rate = (p.Bytes - _first.Value) / Math.Max(seconds, 0.001);
        if (seconds < 1 || rate < 1)
            return text;
        var left = p.Total is { } all ? $", {RunText.Duration(TimeSpan.FromSeconds((all - p.Bytes) / rate))} left" : "";
        return $"{text}, {ByteSize.Text((long)rate)}/s{left}";
    }

    /// <summary>A callback for hashing that says every two seconds which file it is at.</summary>
    public static Action<ModelFile, long> Checking()
    {
        var lines = new ProgressLines<(ModelFile File, long Bytes)>(
            p => $"checking {p.File.Path}: {ByteSize.Text(p.Bytes)}{(p.File.Size is { } size ? $" of {ByteSize.Text(size)}" : "")}");
        return (file, bytes) => lines.Report((file, bytes));
    }
}
