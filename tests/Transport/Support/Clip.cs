using System.Globalization;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>Makes clips with the ffmpeg command, an implementation of our own inputs that we did not write.</summary>
internal static class Clip
{
    private const string X264 = "-c:v libx264 -preset ultrafast";

    /// <summary>A moving test picture; <paramref name="codec"/> are ffmpeg's output options.</summary>
    public static string Pictures(
        string path, string size = "160x96", string rate = "25", int frames = 30, string codec = X264 + " -pix_fmt yuv420p",
        string filters = "null") =>
        Make(path, $"-f lavfi -i testsrc2=size={size}:rate={rate} -vf {filters} -frames:v {frames} {codec}");

    /// <summary>A test picture with a tone; the tone has a beep every second.</summary>
    public static string WithSound(string path, double seconds = 2, string sound = "-c:a aac -b:a 96k", string soundFilters = "anull") =>
        Make(
            path,
            string.Create(
                CultureInfo.InvariantCulture,
                $"-f lavfi -i testsrc2=size=160x96:rate=25 -f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=48000"
                    + $" -af {soundFilters} -t {seconds} {X264} -pix_fmt yuv420p {sound}"));

    /// <summary>Any ffmpeg command, its arguments separated by blanks.</summary>
    public static string Make(string path, string arguments)
    {
        CommandLine.Run("ffmpeg", ["-v", "error", "-y", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), path]);
        return path;
    }
}
