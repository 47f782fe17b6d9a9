using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Plan;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>Replays golden cases: inputs, weights and results of the published implementation.</summary>
public static class GoldenVerifier
{
    private static readonly Dictionary<string, Action<GoldenCase, Comparison>> Kinds = new()
    {
        ["flow_match"] = DiffusionCases.FlowMatch,
        ["rope"] = DiffusionCases.Rope,
        ["noise_controller"] = SchedulingCases.NoiseController,
        ["block_split"] = SchedulingCases.BlockSplit,
        ["umt5"] = TextCases.Umt5,
        ["wan_vae"] = VaeCases.WanVae,
        ["taehv"] = VaeCases.Taehv,
        ["stream_batch"] = DenoisingCases.StreamBatch,
        ["sequential"] = DenoisingCases.Sequential,
        ["end_to_end"] = EndToEndCases.EndToEnd,
    };

    /// <summary>Replays every case folder at or below a folder, in order of name.</summary>
    /// <param name="folder">Root of the search: a case is a folder that holds case.json.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="type">float32, compared at the cases' own tolerance, or bfloat16, compared at a coarse one.</param>
    /// <param name="report">Called after each case.</param>
    /// <param name="ranks">
    /// Devices of the ranks that share the transformer in the cases that denoise, each a thread. Default: one rank, on the device.
    /// </param>
    /// <exception cref="ModelException">There is no case below the folder.</exception>
    public static IReadOnlyList<CaseResult> Run(
        string folder, Device device, ScalarType type, Action<CaseResult>? report = null, IReadOnlyList<Device>? ranks = null)
    {
        LibTorch.Load();
        ComputeTarget.UseExactFloat32();
        if (!Directory.Exists(folder))
            throw new ModelException($"{folder} is not a folder");
        var cases = Directory.EnumerateFiles(folder, "case.json", SearchOption.AllDirectories).Select(f => Path.GetDirectoryName(f)!)
            .Order(StringComparer.Ordinal).ToList();
        if (cases.Count == 0)
            throw new ModelException($"{folder} holds no golden case (a folder with case.json)");

        var results = new List<CaseResult>();
        foreach (var path in cases)
        {
            var result = Replay(path, device, type, ranks);
            results.Add(result);
            report?.Invoke(result);
        }
        return results;
    }

    private static CaseResult Replay(string folder, Device device, ScalarType type, IReadOnlyList<Device>? ranks)
    {
        var kind = "?";
        try
        {
            using var inference = inference_mode();
            using var scope = NewDisposeScope();
            using var golden = new GoldenCase(folder, device, type, ranks);
            kind = golden.Kind;
            if (!Kinds.TryGetValue(kind, out var replay))
                return new CaseResult(folder, kind, double.NaN, double.NaN, false, "unknown kind");
            var comparison = new Comparison(Tolerance(kind, type), Tolerance(kind, type));
            replay(golden, comparison);
            return new CaseResult(folder, kind, comparison.MaxAbsoluteError, comparison.MaxRelativeError, comparison.Passed,
                comparison.Detail);
        }
        // Whatever is wrong with one case, the others are still replayed.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new CaseResult(folder, kind, double.NaN, double.NaN, false, e.Message.Split('\n')[0]);
        }
    }

    // 8 bits of mantissa through a few layers of random weights: what bfloat16 runs show, doubled. It proves the path, not the numbers.
    private static double Tolerance(string kind, ScalarType type) => (type, kind) switch
    {
        // Errors of one chunk go on through the cache into all later ones, and in the Wan VAE through some forty convolutions of four
        // channels.
        (ScalarType.BFloat16, "end_to_end" or "wan_vae") => 0.5,
        (ScalarType.BFloat16, _) => 0.15,
        (_, "end_to_end") => 5e-4,
        _ => 1e-4,
    };
}
