namespace StreamDiff.BindingsGenerator;

/// <summary>What changed between the versions and is used all the same.</summary>
internal static class Changes
{
    /// <summary>Fields that got another name: the old one, which the program uses, and the new one.</summary>
    public static readonly IReadOnlyDictionary<string, string> Renamed = new Dictionary<string, string>
    {
        ["AVFrame.pkt_duration"] = "duration",
    };

    /// <summary>
    /// Fields that some versions lack. They get no property; src/FFmpeg.Bindings/Changed.cs says by hand what stands for them.
    /// </summary>
    public static readonly IReadOnlySet<string> Vanished = new HashSet<string>
    {
        "AVCodec.pix_fmts", "AVCodec.sample_fmts", "AVCodec.supported_samplerates",
        "AVCodecParameters.coded_side_data", "AVCodecParameters.nb_coded_side_data",
    };
}
