using System.Globalization;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Preset and quality in the words of each encoder.</summary>
internal static unsafe class EncoderTuning
{
    // libx264's presets from fast to slow; the others' numbers are set against them.
    private static readonly string[] Presets =
    [
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    ];
    private const string Slowest = "placebo";
    private static readonly int[] VpxSpeeds = [8, 8, 7, 6, 5, 4, 3, 2, 1];
    private static readonly int[] SvtPresets = [12, 11, 10, 9, 8, 7, 5, 4, 2];
    private static readonly int[] NvencPresets = [1, 1, 2, 3, 3, 4, 5, 6, 7];

    /// <summary>Private options for the encoder, from which it takes those it knows.</summary>
    /// <exception cref="MediaException">The preset has no meaning for the encoder.</exception>
    public static Dictionary<string, string> Options(AVCodec* codec, FileSinkOptions options)
    {
        var name = EncoderChoice.NameOf(codec);
        var settings = new Dictionary<string, string>();
        AddPreset(settings, name, options.Preset);
        AddReproducible(settings, name);
        if (options.Crf is { } crf)
        {
            settings[name.EndsWith("_nvenc", StringComparison.Ordinal) ? "cq" : "crf"] = crf.ToString(CultureInfo.InvariantCulture);
        }

        // Pictures that are never shown have no transparency.
        if (options.HasAlpha && name.StartsWith("libvpx", StringComparison.Ordinal))
        {
            settings["auto-alt-ref"] = "0";
        }

        if (options.Live is { } live)
        {
            AddLowDelay(settings, name);
            if (live.IsConstant)
            {
                AddFiller(settings, name);
            }
        }

        return settings;
    }

    /// <summary>Sets what has no private option: quality of the classic codecs, and no bit rate limit beside constant quality.</summary>
    public static void Apply(AVCodecContext* context, AVCodec* codec, int? crf)
    {
        var name = EncoderChoice.NameOf(codec);
        if (name.StartsWith("libvpx", StringComparison.Ordinal) || name.StartsWith("libaom", StringComparison.Ordinal))
        {
            context->bit_rate = 0;
        }

        if (codec->id is AVCodecID.AV_CODEC_ID_MPEG4 or AVCodecID.AV_CODEC_ID_MPEG2VIDEO or AVCodecID.AV_CODEC_ID_MJPEG)
        {
            context->flags |= AV_CODEC_FLAG_QSCALE;
            context->global_quality = FF_QP2LAMBDA * Math.Clamp(crf ?? 3, 1, 31);
        }
    }

    /// <summary>
    /// A bit rate that is kept over half a second and never exceeded, regular key frames and no pictures held back. Pictures that need less
    /// take less, but where the rate is to be constant (<see cref="LiveEncoding.IsConstant"/>).
    /// </summary>
    public static void ApplyLive(AVCodecContext* context, LiveEncoding live)
    {
        const double BufferSeconds = 0.5;
        context->bit_rate = context->rc_max_rate = live.BitRate;
        context->rc_buffer_size = (int)(live.BitRate * BufferSeconds);
        context->gop_size = Math.Max(1, (int)Math.Round(live.KeyFrameSeconds * context->framerate.num / context->framerate.den));
        context->max_b_frames = 0;
    }

    private static void AddLowDelay(Dictionary<string, string> settings, string encoder)
    {
        if (encoder is "libx264" or "libx265")
        {
            settings["tune"] = "zerolatency";
            settings["forced-idr"] = "1";
        }
        else if (encoder.EndsWith("_nvenc", StringComparison.Ordinal))
        {
            (settings["tune"], settings["zerolatency"], settings["delay"], settings["rc"],
                settings["forced-idr"]) = ("ull", "1", "0", "cbr", "1");
        }
        else if (encoder.StartsWith("libvpx", StringComparison.Ordinal))
        {
            settings["lag-in-frames"] = "0";
        }
    }

    // Only these send filler where pictures need less.
    private static void AddFiller(Dictionary<string, string> settings, string encoder)
    {
        if (!IsX264(encoder))
        {
            throw new MediaException($"Encoder {encoder} sends no filler: cbr is for libx264.");
        }

        settings["nal-hrd"] = "cbr";
    }

    // x264's fast code for looking ahead reads memory that it has not written where a row of macroblocks is no multiple of a vector, and
    // then spends its bits otherwise from run to run; "cpu-independent" keeps to the code that does not. x265 tells its settings on
    // standard error unless told not to.
    private static void AddReproducible(Dictionary<string, string> settings, string encoder)
    {
        if (IsX264(encoder))
        {
            settings["x264-params"] = "cpu-independent=1";
        }
        else if (encoder == "libx265")
        {
            settings["x265-params"] = "log-level=error";
        }
    }

    private static void AddPreset(Dictionary<string, string> settings, string encoder, string preset)
    {
        var isNumber = int.TryParse(preset, out _);
        var rank = Array.IndexOf(Presets, preset);
        // x264 and x265 know one more, and their presets by number too.
        var isKnown = IsX26(encoder) ? rank >= 0 || preset == Slowest || preset is [>= '0' and <= '9'] : rank >= 0 || isNumber;
        if (!isKnown)
        {
            throw new MediaException($"Preset '{preset}' is unknown: use one of {string.Join(", ", Presets)}.");
        }

        if (IsX26(encoder))
        {
            settings["preset"] = preset;
        }
        else if (encoder.StartsWith("libvpx", StringComparison.Ordinal))
        {
            settings["deadline"] = "realtime";
            settings["cpu-used"] = isNumber ? preset : Text(VpxSpeeds[rank]);
            settings["row-mt"] = "1";
            settings["crf"] = "31";
        }
        else if (encoder == "libsvtav1")
        {
            settings["preset"] = isNumber ? preset : Text(SvtPresets[rank]);
        }
        else if (encoder.EndsWith("_nvenc", StringComparison.Ordinal))
        {
            settings["preset"] = "p" + (isNumber ? preset : Text(NvencPresets[rank]));
        }
    }

    private static bool IsX26(string encoder) => IsX264(encoder) || encoder == "libx265";

    private static bool IsX264(string encoder) => encoder is "libx264" or "libx264rgb";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
