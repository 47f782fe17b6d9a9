using System.Globalization;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>A built-in moving picture, as in <c>test:testsrc2?size=832x480&amp;rate=16&amp;duration=5</c>.</summary>
/// <param name="Name">The libavfilter source that draws it, scene, or camera for photographs before a moving camera.</param>
/// <param name="Width">Pixels a row; default 832.</param>
/// <param name="Height">Rows; default 480.</param>
/// <param name="Rate">Frames a second; default 30.</param>
/// <param name="Seconds">Length; default 10, 0 for endless.</param>
/// <param name="Options">Further options of the libavfilter source.</param>
internal sealed record TestPattern(
    string Name, int Width, int Height, Rational Rate, double Seconds, IReadOnlyDictionary<string, string> Options)
{
    private const string Scene = "scene";
    private const string Camera = "camera";

    private static readonly string[] Patterns =
    [
        "testsrc2", "testsrc", "smptebars", "smptehdbars", "rgbtestsrc", "yuvtestsrc", "color", "gradients", "mandelbrot", "life",
        "cellauto", "sierpinski", Scene, Camera,
    ];

    // A slowly changing sky.
    private const string SceneSky = "seed=7:speed=0.015:nb_colors=3:c0=0x7fb2e5:c1=0xf2d6a2:c2=0x5a8f5a";

    // These draw something else each time unless they are told not to.
    private static readonly string[] Random = ["gradients", "life", "cellauto", "sierpinski"];

    private const string GradientColors = ":nb_colors=4:c0=0x203080:c1=0xe06030:c2=0x309060:c3=0xf0d040";

    /// <summary>The libavfilter description of it.</summary>
    public string ToFilter()
    {
        if (Name == Scene)
        {
            return SceneFilter();
        }

        if (Name == Camera)
        {
            return CameraFilter();
        }

        var seed = Random.Contains(Name) && !Options.ContainsKey("seed") ? ":seed=1" : "";
        seed += Name == "gradients" && !Options.ContainsKey("c0") ? GradientColors : "";
        var extra = string.Concat(Options.Select(option => $":{option.Key}={option.Value}"));
        return $"{Name}=size={Width}x{Height}:rate={Rate}{seed}{extra}{Trim()}";
    }

    /// <summary>Reads what follows "test:".</summary>
    /// <exception cref="MediaException">The pattern is unknown or a value is not understood.</exception>
    public static TestPattern Parse(string text)
    {
        var parts = text.Split('?', 2);
        if (!Patterns.Contains(parts[0]))
        {
            throw new MediaException($"Test picture '{parts[0]}' does not exist: choose one of {string.Join(", ", Patterns)}.");
        }

        var pattern = new TestPattern(parts[0], 832, 480, new Rational(30, 1), 10, new Dictionary<string, string>());
        return parts.Length == 1 ? pattern : parts[1].Split('&', StringSplitOptions.RemoveEmptyEntries).Aggregate(pattern, Apply);
    }

    private static TestPattern Apply(TestPattern pattern, string setting)
    {
        var (key, value) = setting.Split('=', 2) is [var k, var v] ? (k, v) : (setting, "");
        var size = value.Split('x');
        return key switch
        {
            "size" when size.Length == 2 && IsSide(size[0], out var width) && IsSide(size[1], out var height) =>
                pattern with { Width = width, Height = height },
            "rate" when Rational.TryParse(value, out var rate) => pattern with { Rate = rate },
            "duration" when double.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and < 1e9 =>
                pattern with { Seconds = seconds },
            "size" or "rate" or "duration" => throw NotUnderstood(setting),
            _ when IsPlain(key) && IsPlain(value) =>
                pattern with { Options = new Dictionary<string, string>(pattern.Options) { [key] = value } },
            _ => throw NotUnderstood(setting),
        };
    }

    // Two solid shapes that move to and fro before the sky: edges, motion and flat colours in one picture.
    private string SceneFilter() => string.Create(
        CultureInfo.InvariantCulture,
        $"color=c=0xb03a2e:size={Width / 5}x{Height / 3}:rate={Rate}[low];color=c=0x1f3a5f:size={Width / 7}x{Height / 2}:rate={Rate}[high];"
        +
        $"gradients=size={Width}x{Height}:rate={Rate}:{SceneSky}[sky];[sky][low]overlay=x='W*(0.1+0.6*abs(mod(t*0.2,2)-1))':y=H*0.55[one];"
            +
        $"[one][high]overlay=x='W*(0.75-0.6*abs(mod(t*0.13+0.5,2)-1))':y=H*0.2{Trim()}");

    // Begun again at its end; what the file counts then begins again as well.
    private string CameraFilter() => string.Create(
        CultureInfo.InvariantCulture,
        $"movie=filename={CameraClip.Path}:loop=0,setpts=N/({CameraClip.Rate}*TB),fps={Rate},"
        + $"scale={Width}:{Height}:force_original_aspect_ratio=increase:flags=bicubic,crop={Width}:{Height},setsar=1{Trim()}");

    private string Trim() => Seconds > 0 ? string.Create(CultureInfo.InvariantCulture, $",trim=duration={Seconds:R}") : "";

    private static bool IsSide(string text, out int side) => int.TryParse(text, out side) && side is > 0 and <= FrameLimits.MaximumSide;

    // Nothing that could begin another filter.
    private static bool IsPlain(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '#' or '-');

    private static MediaException NotUnderstood(string setting) =>
        new($"'{setting}' of the test picture is not understood: write for example test:testsrc2?size=832x480&rate=16&duration=5.");
}
