using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Latency;
using TorchSharp;

namespace StreamDiff.Pipeline.Calibration;

/// <summary>Calibrations of this machine's devices, kept between runs.</summary>
public static class SavedCalibration
{
    /// <summary>Where they are kept: streamdiff/latency in XDG_CACHE_HOME, by default in ~/.cache.</summary>
    public static string Folder
    {
        get
        {
            var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(cache) || !Path.IsPathRooted(cache))
            {
                var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
                // Never one of the working directory, where anybody may have put something.
                cache = Path.IsPathRooted(home) ? Path.Combine(home, ".cache") : "/dev/null/no-home-folder";
            }
            return Path.Combine(cache, "streamdiff", "latency");
        }
    }

    /// <summary>What a calibration of this model here and now would hold for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="target">Where and in which type it runs.</param>
    /// <param name="threads">Compute threads of libtorch; without meaning on a GPU.</param>
    /// <param name="heads">Which heads look back on the whole window; null for all.</param>
    public static LatencyModelKey Key(Model model, ComputeTarget target, int threads, HeadSplit? heads) =>
        new(HostDevice.Name(target.Device), heads is null ? model.Name : $"{model.Name} heads {heads.Digest}",
            target.Type.ToString().ToLowerInvariant(),
            target.Device.type == DeviceType.CUDA ? 0 : threads);

    /// <summary>The calibration of a key; null where there is none.</summary>
    public static LatencyModelFile? Find(LatencyModelKey key) => LatencyModelFile.Find(Folder, key);
}
