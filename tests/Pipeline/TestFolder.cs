using System.Diagnostics;

namespace StreamDiff.Pipeline.Tests;

/// <summary>A temporary folder, clips made in it with the ffmpeg command, and what ffprobe says of files.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("streamdiff-test-").FullName;

    public string File(string name) => Path.Combine(_path, name);

    /// <summary>Makes a clip with ffmpeg; arguments as on its command line, the output last.</summary>
    public string Make(string name, string arguments)
    {
        Command("ffmpeg", $"-v error -y {arguments} {File(name)}");
        return File(name);
    }

    public static IReadOnlyList<string> FrameTimes(string file) =>
        Command("ffprobe", $"-v error -select_streams v:0 -show_entries frame=pts_time -of csv=p=0 {file}")
            .Split(['\n', ','], StringSplitOptions.RemoveEmptyEntries);

    public static string FrameHash(string file) => Command("ffmpeg", $"-v error -i {file} -map 0:v -f md5 -");

    /// <summary>All samples of all frames, as they are stored.</summary>
    public static byte[] Pixels(string file)
    {
        Command("ffmpeg", $"-v error -y -i {file} -map 0:v -f rawvideo {file}.raw");
        return System.IO.File.ReadAllBytes($"{file}.raw");
    }

    public static string Command(string name, string arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo("bash",
                ["-c", $"{name} {arguments} </dev/null"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{name} {arguments}: {errors.Result}");
        return output;
    }

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
