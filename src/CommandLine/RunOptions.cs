using StreamDiff.Pipeline.Plan;
using static StreamDiff.CommandLine.OptionText;

namespace StreamDiff.CommandLine;

/// <summary>All options of a run, in the order of the help.</summary>
public static class RunOptions
{
    private static readonly (string, DenoisingMode)[] Modes = [.. Enum.GetValues<DenoisingMode>().Select(m => (m.Name(), m))];
    private static readonly (string, RopeMode)[] Ropes = [("relative", RopeMode.Relative), ("published", RopeMode.Published)];

    /// <summary>What an option has when nobody sets it.</summary>
    public static RestyleOptions Defaults { get; } = new() { Input = "", Output = "" };

    public static IReadOnlyList<RunOption> All { get; } =
    [
        new(
            "input", nameof(RestyleOptions.Input), "FILE",
            "Video to restyle; or a built-in test picture such as test:scene?size=640x360&rate=30&duration=5; or something live: "
                + "rtmp://host/app/key, rtmp://0.0.0.0:1935/app/key?listen=1, srt://host:port?mode=caller|listener, udp://, http://, "
                + "v4l2:/dev/video0, screen:, browser: (the page of 'streamdiff studio'). Required.",
            (o, v) => o with { Input = v }, o => o.Input, "-i"),
        new(
            "output", nameof(RestyleOptions.Output), "FILE",
            "Video to write, the extension naming the container (.mp4, .mkv, .webm ...); or rtmp(s)://, srt://, udp://, v4l2:/dev/videoN; "
                + "null: writes nothing. Several times: all of them at once. Required.",
            (o, v) => o with { Output = v }, o => o.Output, "-o"),
        new("model", nameof(RestyleOptions.Model), "NAME",
            "A model of 'streamdiff models list', or the path of a model's folder. Default: tiny.",
            (o, v) => o with { Model = v }, o => o.Model, "-m"),
        new(
            "prompt", nameof(RestyleOptions.Prompt), "TEXT",
            "What the picture should become. The default model, tiny, knows some styles by name and nothing else: 'streamdiff models show "
                + "tiny' lists them. The large models take any description, long ones better than short ones. Default: none, the model "
                + "follows the picture only.",
            (o, v) => o with { Prompt = v }, o => o.Prompt, "-p"),
        new("steps", nameof(RestyleOptions.Steps), "N",
            "Denoising steps, 1 to 4: more take longer and look better, with tiny up to 2 only; text-to-video has its own. Default: 2.",
            (o, v) => o with { Steps = Int(v) }, o => Show(o.Steps)),
        new("size", nameof(RestyleOptions.Size), "WxH",
            "Picture size in pixels, rounded down to multiples of 16. Default: the model's own.",
            (o, v) => o with { Size = Size(v) }, o => o.Size is var (w, h) ? $"{w}x{h}" : null, "-s"),
        new("fit", nameof(RestyleOptions.Fit), "HOW",
            "How a picture of another shape fits the size: crop, letterbox (black bars) or stretch. Default: crop.",
            (o, v) => o with { Fit = v }, o => o.Fit),
        new("fps", nameof(RestyleOptions.Fps), "RATE",
            "Resample to so many frames per second, such as 30 or 30000/1001. Default: the source's own timing.",
            (o, v) => o with { Fps = v }, o => o.Fps),
        new("start", nameof(RestyleOptions.Start), "SECONDS",
            "Begin so far into the input, with its first frame at or after that time. Default: 0.",
            (o, v) => o with { Start = Double(v) }, o => Show(o.Start)),
        new("duration", nameof(RestyleOptions.Duration), "SECONDS",
            "Take so many seconds of the input; a live run stops after so long. Default: no limit.",
            (o, v) => o with { Duration = Double(v) }, o => Show(o.Duration)),
        new("seed", nameof(RestyleOptions.Seed), "N",
            "Seed of all noise: the same seed gives the same output on the same machine. Default: 0.",
            (o, v) => o with { Seed = Long(v) }, o => Show(o.Seed)),
        new(
            "mode", nameof(RestyleOptions.Mode), "HOW",
            "stream-batch runs all steps in one tick, each on another chunk (fastest); sequential one after the other (lowest latency); "
                + "text-to-video (not with tiny) makes the picture from the prompt alone, the input giving length, timing and sound. "
                + "Default: stream-batch.",
            (o, v) => o with { Mode = Choice(v, Modes) }, o => Name(o.Mode, Modes)),
        new("rope", nameof(RestyleOptions.Rope), "HOW",
            "Time positions of cached frames: relative (no jump, no end) or published (as in the published system). Default: relative.",
            (o, v) => o with { Rope = Choice(v, Ropes) }, o => Name(o.Rope, Ropes)),
        new(
            "noise-scale", nameof(RestyleOptions.NoiseScale), "X",
            "Largest share of noise, 0.1 to 1: higher is freer, lower keeps closer to the source. Each model has a range that is of use "
                + "(tiny 0.25 to 0.45). Default: the model's own (tiny 0.25, others 0.8).",
            (o, v) => o with { NoiseScale = Double(v) }, o => Show(o.NoiseScale)),
        new("window", nameof(RestyleOptions.WindowFrames), "N",
            "Latent frames (4 pictures each) that the model looks back on, sinks included. Default: the model's own (tiny 5, others 6).",
            (o, v) => o with { WindowFrames = Int(v) }, o => Show(o.WindowFrames)),
        new("sinks", nameof(RestyleOptions.SinkFrames), "N",
            "Latent frames at the window's start that are kept; less than the window. Default: the model's own (3).",
            (o, v) => o with { SinkFrames = Int(v) }, o => Show(o.SinkFrames)),
        new("sink-threshold", nameof(RestyleOptions.SinkThreshold), "X",
            "A kept frame less similar to the new one than this is replaced; -1 never. Default: the model's own (0.2).",
            (o, v) => o with { SinkThreshold = Double(v) }, o => Show(o.SinkThreshold)),
        new("vae", nameof(RestyleOptions.Vae), "NAME",
            "Autoencoder: taehv (fast) or wan (best), where the model has it. Default: the model's own.",
            (o, v) => o with { Vae = v }, o => o.Vae),
        new("device", nameof(RestyleOptions.Device), "DEVICE", "auto, cpu, cuda or cuda:N. Default: auto, cuda where there is one.",
            (o, v) => o with { Device = v }, o => o.Device),
        new(
            "ranks", nameof(RestyleOptions.Ranks), "LIST",
            "Spread the transformer over ranks: devices (cuda:0,cuda:1), ranks elsewhere (host:7000, see 'streamdiff rank'), or a file "
                + "with one a line. Default: one rank.",
            (o, v) => o with { Ranks = v }, o => o.Ranks),
        new(
            "vae-device", nameof(RestyleOptions.VaeDevice), "DEVICE",
            "With ranks: where the autoencoder runs, such as cuda:2, or cuda:0,cuda:1 for its encoder and decoder. Default: first and "
                + "last rank of this process.",
            (o, v) => o with { VaeDevice = v }, o => o.VaeDevice),
        new(
            "dtype", nameof(RestyleOptions.Type), "TYPE",
            "auto, float32 or bfloat16. Default: auto, bfloat16 where the device computes in it (cuda, and processors with AVX512_BF16 or "
                + "AMX).",
            (o, v) => o with { Type = v }, o => o.Type),
        new(
            "threads", nameof(RestyleOptions.Threads), "N",
            "Compute threads of each stage on the cpu. Default: half the cores, because encoding, denoising and decoding run side by "
                + "side, at most 4 in live runs; with ranks the cores shared among those here.",
            (o, v) => o with { Threads = Int(v) }, o => Show(o.Threads)),
        new("codec", nameof(RestyleOptions.VideoCodec), "NAME",
            "Video encoder, such as libx264, libx265, libvpx-vp9 or h264_nvenc. Default: libx264, or what the container can hold.",
            (o, v) => o with { VideoCodec = v }, o => o.VideoCodec),
        new("quality", nameof(RestyleOptions.Quality), "N",
            "Constant quality of the encoder of file runs, lower is better; live runs have --bitrate. Default: 20 for x264.",
            (o, v) => o with { Quality = Int(v) }, o => Show(o.Quality)),
        new("preset", nameof(RestyleOptions.Preset), "NAME",
            "Preset of the encoder, such as veryfast. Default: veryfast for x264 and x265.",
            (o, v) => o with { Preset = v }, o => o.Preset),
        new("contact-sheet", nameof(RestyleOptions.ContactSheet), "FILE",
            "Write a few frames before and after as one still: .png, .jpg or .jpeg; not in live runs. Default: none.",
            (o, v) => o with { ContactSheet = v }, o => o.ContactSheet),
        new("audio", nameof(RestyleOptions.Audio), "BOOL", "Keep the sound; --no-audio leaves it out. Default: true.",
            (o, v) => o with { Audio = Bool(v) }, o => o.Audio ? "true" : "false"),
        new("timeline", nameof(RestyleOptions.Timeline), "FILE",
            "Changes with their times, one a line, such as: at 00:12 prompt \"a blueprint\" blend 8 (see docs/control.md). Default: none.",
            (o, v) => o with { Timeline = v }, o => o.Timeline),
        new("control", nameof(RestyleOptions.Control), "WHERE",
            "Take changes while it runs, one command a line: stdin; 'help' lists them. Default: none.",
            (o, v) => o with { Control = v }, o => o.Control),
        new("log", nameof(RestyleOptions.Log), "FILE",
            "Write settings and changes with their chunks, for 'streamdiff replay'. Default: none.",
            (o, v) => o with { Log = v }, o => o.Log),
        new(
            "live", nameof(RestyleOptions.Live), "BOOL",
            "Run at the speed of time with a constant frame rate (--fps, 30 by default) even if input and output are files. Default: "
                + "where one of them is live.",
            (o, v) => o with { Live = Bool(v) }, o => o.Live ? "true" : "false"),
        new(
            "deadline", nameof(RestyleOptions.Deadline), "MS",
            "Live: milliseconds from a picture's capture to its hand-over; to keep to it, steps and then pictures are given up, and taken "
                + "back. Default: none, nothing is given up.",
            (o, v) => o with { Deadline = Double(v) }, o => Show(o.Deadline)),
        new("wait-for-source", nameof(RestyleOptions.WaitForSource), "SECONDS",
            "Live: wait so long for a source that is not there yet, whatever the reason; alone or true: for ever. "
            + "Default: 10 for a server that does not answer; what does not exist is an error at once.",
            (o, v) => o with { WaitForSource = Wait(v) }, o => o.WaitForSource is double.PositiveInfinity ? "true" : Show(o.WaitForSource)),
        new("source-gone", nameof(RestyleOptions.SourceGone), "SECONDS",
            "Live: end when nothing has come from the source for so long, such as a browser that does not come back. Default: never, the "
            + "fallback stands in.",
            (o, v) => o with { SourceGone = Double(v) }, o => Show(o.SourceGone)),
        new("segment-time", nameof(RestyleOptions.SegmentTime), "SECONDS",
            "Live: begin a new, numbered file after so long. Default: one file.",
            (o, v) => o with { SegmentTime = Double(v) }, o => Show(o.SegmentTime)),
        new("fallback", nameof(RestyleOptions.Fallback), "WHAT",
            "Live: what is shown while the source is gone: last, slate (colour bars) or an image file. Default: last.",
            (o, v) => o with { Fallback = v }, o => o.Fallback),
        new("bitrate", nameof(RestyleOptions.VideoBitRate), "KBIT",
            "Live: kilobits a second of the pictures. Default: a tenth of a bit for each pixel.",
            (o, v) => o with { VideoBitRate = Int(v) }, o => Show(o.VideoBitRate)),
    ];

    public static RunOption? Find(string name) => All.FirstOrDefault(o => o.Name == name);

    private static double? Wait(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" => double.PositiveInfinity,
        "false" or "no" or "off" => null,
        _ => Double(text),
    };

    private static string Name<T>(T value, (string Text, T Value)[] choices) =>
        choices.First(c => EqualityComparer<T>.Default.Equals(c.Value, value)).Text;
}
