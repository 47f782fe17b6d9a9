using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Reports;

/// <summary>What every report tells of its model.</summary>
internal static class ModelSettings
{
    /// <summary>Settings that every benchmark shares; the caller adds its own.</summary>
    public static SortedDictionary<string, string> Describe(this LoadedModel model, SamplingOptions sampling)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["model"] = model.Model.Name,
            ["vae"] = model.Vae,
            ["mode"] = sampling.Mode.ToString(),
            ["rope"] = sampling.Rope.ToString(),
            ["device"] = model.Target.Device.ToString(),
            ["type"] = model.Options.Precision == ComputePrecision.Fp8
                ? $"{model.Target.Type}, products in float8"
                : model.Target.Type.ToString(),
            ["threads"] = FormattableString.Invariant($"{model.Threads} of libtorch for each stage"),
        };
        if (model.Heads is { } split)
            settings["heads"] = split.ToString();
        return settings;
    }
}
