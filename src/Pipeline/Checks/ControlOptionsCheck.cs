using StreamDiff.Models.KvCache;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What can be said of a run's timeline, control and log before it begins.</summary>
internal static class ControlOptionsCheck
{
    public static void Check(RestyleOptions options, ModelConfig? model, RestyleOptionsValidator.Findings findings)
    {
        if (options.Control.IsNone)
            return;
        foreach (var (name, text) in new[] { ("osc", options.Control.Osc), ("osc-to", options.Control.OscTo) })
            findings.Require(text is null || OscAddress.TryRead(text) is not null, $"{name} must be PORT or ADDRESS:PORT, not {text}");
        findings.Require(options.Control.OscTo is null || options.Control.Osc is not null, "osc-to needs osc, whose changes it tells of");
        if (options.IsPassthrough)
        {
            findings.Problem("timeline, control and log need a model: passthrough has nothing to change");
            return;
        }
        findings.Require(options.Control.Control is null || !IsStandardInput(options.Input.Address.Text),
            "control and input cannot both be standard input");
        if (options.Control.Timeline is { } timeline)
            CheckTimeline(timeline, options.Control.Presets, Limits(options, model), findings);
    }

    private static void CheckTimeline(
        string path, PresetLibrary presets, ControlLimits limits, RestyleOptionsValidator.Findings findings)
    {
        foreach (var entry in Timeline.Read(path, findings.Problems).Entries)
        {
            try
            {
                findings.Require(entry.Change is not TapChange, $"{path}: at {entry.At}: tap is for hands: write 'tempo BPM'");
                foreach (var change in presets.Expand(entry.Change))
                    if ((limits.Refusal(change) ?? StreamControls.Missing(change)) is { } reason)
                        findings.Problem($"{path}: at {entry.At}: {reason}");
            }
            catch (ControlException e)
            {
                findings.Problem($"{path}: at {entry.At}: {e.Message}");
            }
        }
    }

    private static ControlLimits Limits(RestyleOptions run, ModelConfig? model)
    {
        var options = run.Sampling;
        var fromText = options.Mode == DenoisingMode.TextToVideo;
        return model is null ? ControlLimits.Widest : SettingLimits.Of(
            new CacheGeometry(1, options.WindowFrames ?? model.KvCache.WindowFrames, 0, -1), StreamSettings.AllTimesteps(model).Count,
            fromText, run.Compute);
    }

    private static bool IsStandardInput(string input) =>
        input is "-" or "/dev/stdin" or "/dev/fd/0" or "/proc/self/fd/0" or "pipe:0" or "pipe:";
}
