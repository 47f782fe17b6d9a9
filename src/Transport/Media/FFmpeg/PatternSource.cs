using System.Globalization;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Built-in pictures that need no file: FFmpeg's own generators, and a "scene" of moving shapes over a changing ground.</summary>
internal sealed class PatternSource : IFrameSource
{
    public const string Prefix = "test:";
    private const string Form = "test:PATTERN[?size=WxH&rate=R&duration=SECONDS]";

    private static readonly Dictionary<string, string> Patterns = new()
    {
        ["testsrc"] = "testsrc=size={0}:rate={1}:duration={2}",
        ["testsrc2"] = "testsrc2=size={0}:rate={1}:duration={2}",
        ["smpte"] = "smptehdbars=size={0}:rate={1}:duration={2}",
        ["mandelbrot"] = "mandelbrot=size={0}:rate={1},trim=duration={2}",
        ["life"] = "life=size={0}:rate={1}:seed=1:mold=10:life_color=#C83232:death_color=#32C832,trim=duration={2}",
        ["gradients"] = "gradients=size={0}:rate={1}:duration={2}:seed=1:speed=0.02",
        ["black"] = "color=black:size={0}:rate={1}:duration={2}",
        ["scene"] = "gradients=size={0}:rate={1}:duration={2}:seed=7:speed=0.015:c0=0x7fb2e5:c1=0xf2d6a2:c2=0x5a8f5a:nb_colors=3,drawbox=x='iw*(0.1+0.6*abs(mod(t*0.2,2)-1))':y=ih*0.55:w=iw*0.18:h=ih*0.3:c=0xb03a2e:t=fill,"
            + "drawbox=x='iw*(0.75-0.6*abs(mod(t*0.13+0.5,2)-1))':y=ih*0.2:w=iw*0.14:h=ih*0.45:c=0x1f3a5f:t=fill,drawgrid=w=iw/8:h=ih/6:t=1:c=white@0.25",
    };

    private readonly FilterGraph _graph;
    private readonly PictureReader _pictures;

    public PatternSource(SourceOptions options, FramePool pool)
    {
        var (pattern, size, rate, seconds) = Parse(options.Input);
        var wanted = options.Size ?? size;
        var frameRate = options.FrameRate ?? rate;
        var source = string.Format(CultureInfo.InvariantCulture, Patterns[pattern], $"{size.Width}x{size.Height}", frameRate, seconds);
        _graph = FilterGraph.Source($"{source},{PictureFilters.Chain(size, new Rational(1, 1), 0, wanted, options.Fit, null, assumeHd: false)}");
        _pictures = new PictureReader(pool, wanted.Width, wanted.Height);
        Video = new VideoStreamInfo(wanted.Width, wanted.Height, frameRate, _graph.TimeBase)
        {
            FrameCount = (long)Math.Ceiling(seconds * frameRate.Value),
            Duration = TimeSpan.FromSeconds(seconds),
            CodedSize = size,
            Codec = pattern,
        };
    }

    public VideoStreamInfo Video { get; }

    public AudioStreamInfo? Audio => null;

    public SourceStatistics Statistics => new(_pictures.Count, 0);

    public MediaUnit? Read(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return _pictures.TryRead(_graph) is { } picture ? new MediaUnit(picture, null) : null;
    }

    public void Dispose()
    {
        _pictures.Dispose();
        _graph.Dispose();
    }

    private static (string Pattern, (int Width, int Height) Size, Rational Rate, double Seconds) Parse(string input)
    {
        var parts = input[Prefix.Length..].Split('?', 2);
        if (!Patterns.ContainsKey(parts[0]))
            throw new MediaException($"{input}: there is no test pattern '{parts[0]}' (known: {string.Join(", ", Patterns.Keys)}; form: {Form})");
        var (size, rate, seconds) = ((Width: 640, Height: 360), new Rational(30, 1), 5.0);
        foreach (var setting in parts.Length > 1 ? parts[1].Split('&') : [])
        {
            var (key, value) = setting.Split('=', 2) is [var k, var v] ? (k, v) : (setting, "");
            var good = key switch
            {
                "size" => TryParseSize(value, out size),
                "rate" => Rational.TryParse(value, out rate),
                "duration" => double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) && seconds > 0,
                _ => false,
            };
            if (!good)
                throw new MediaException($"{input}: '{setting}' is not understood (form: {Form})");
        }
        return (parts[0], size, rate, seconds);
    }

    private static bool TryParseSize(string text, out (int Width, int Height) size)
    {
        size = default;
        return text.Split('x') is [var w, var h] && int.TryParse(w, out size.Width) && int.TryParse(h, out size.Height)
            && size is { Width: >= 16 and <= 8192, Height: >= 16 and <= 8192 };
    }
}
