using System.Diagnostics;
using System.Runtime.CompilerServices;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan.Fused;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;

namespace StreamDiff.Cli.Doctor;

/// <summary>libtorch and what it computes on.</summary>
internal static class ComputeChecks
{
    public const string Area = "compute";

    public static IEnumerable<DoctorLine> Run()
    {
        LibTorchInfo info;
        DoctorLine? failure = null;
        try
        {
            info = LibTorch.Load();
        }
        catch (Exception e) when (e is ModelException or DllNotFoundException or BadImageFormatException or IOException)
        {
            info = null!;
            failure = DoctorLine.Missing(Area, "libtorch", Failure.Describe(e),
                "in a checkout: dotnet build; elsewhere: scripts/install, or 'streamdiff setup libtorch DIR' with the 'lib' folder of a "
                    + "libtorch 2.10 or of pip's torch");
        }
        return failure is null ? Loaded(info) : [failure];
    }

    private static IEnumerable<DoctorLine> Loaded(LibTorchInfo info)
    {
        yield return DoctorLine.Ok(Area, "libtorch", $"{info.Version} in {info.Folder} (found by: {info.FoundBy})");
        yield return DoctorLine.Ok(Area, "TorchSharp library",
            info.TorchSharpLibrary + (info.Patched ? " (patched in memory for this system's older libstdc++)" : ""));
        var driver = NvidiaDriver.Find();
        yield return Driver(driver);
        var devices = info.HasCuda ? DeviceCount() : 0;
        yield return Cuda(info, driver, devices);
        if (devices > 0)
        {
            yield return OwnKernels();
            yield return Cudnn();
        }
        var type = Processor.MultipliesBFloat16
            ? "bfloat16, which this processor multiplies itself"
            : "float32: this processor does not multiply bfloat16 itself";
        yield return DoctorLine.Ok(Area, "CPU", $"{Threads()}; auto computes in {type}");
    }

    private static DoctorLine Driver(NvidiaDriver? driver) => driver switch
    {
        null => DoctorLine.Absent(Area, "NVIDIA driver", "none; the CPU is used", "with an NVIDIA GPU: apt-get install nvidia-driver"),
        { Problem: { } problem } => DoctorLine.Absent(Area, "NVIDIA driver", $"{driver.Version}, but {problem}",
            "restart after an upgrade of it; see that nvidia-smi answers"),
        _ => DoctorLine.Ok(Area, "NVIDIA driver", driver.Text),
    };

    private static DoctorLine Cuda(LibTorchInfo info, NvidiaDriver? driver, int devices)
    {
        if (devices > 0)
            return DoctorLine.Ok(Area, "CUDA", $"{devices} device{(devices == 1 ? "" : "s")} used by --device auto");
        return (driver, info.HasCuda) switch
        {
            ({ }, false) => DoctorLine.Absent(
                Area, "CUDA", "a GPU is there, but this libtorch is for the CPU only", "streamdiff setup gpu"),
            ({ }, true) => DoctorLine.Absent(Area, "CUDA", "libtorch cannot use the GPU that is there",
                "check with nvidia-smi that the driver is new enough for this libtorch; 'streamdiff setup gpu' fetches one that fits"),
            _ => DoctorLine.Absent(Area, "CUDA", "no GPU; the CPU is used", "with an NVIDIA GPU and its driver: streamdiff setup gpu"),
        };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DoctorLine Cudnn() => torch.cuda.is_cudnn_available()
        ? DoctorLine.Ok(Area, "cuDNN", "convolutions and attention use it")
        : DoctorLine.Absent(Area, "cuDNN", "libtorch does not find it; everything is slower", "streamdiff setup gpu");

    // Compiles them, or reads them from where they are kept, as the first run would.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DoctorLine OwnKernels()
    {
        var started = Stopwatch.GetTimestamp();
        var ticks = TickStatistics.Of(WanConfig.Wan1B3, torch.CUDA, torch.ScalarType.BFloat16);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return ticks.WhyNoKernels is { } reason
            ? DoctorLine.Absent(Area, "own kernels", $"{reason}; ticks take about twice as long without them",
                "take a libtorch that comes with libnvrtc, as pip's torch does")
            : ticks.WhyNotRecorded is { } why
                ? DoctorLine.Absent(Area, "own kernels", $"ready, but ticks are not replayed as graphs: {why}", "use libtorch 2.10 or 2.11")
                : DoctorLine.Ok(Area, "own kernels",
                    FormattableString.Invariant($"ready in {seconds:0.0} s; ticks are replayed as graphs"));
    }

    // Apart from the callers, so that no TorchSharp type is touched before libtorch is loaded.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int DeviceCount() => torch.cuda.is_available() ? torch.cuda.device_count() : 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string Threads() => $"{Environment.ProcessorCount} processors, {torch.get_num_threads()} threads used by libtorch";
}
