using StreamDiff.Models.Registry.Download;
using StreamDiff.Models.Wheels;
using StreamDiff.Testing;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Models.Tests.Wheels;

public sealed class TorchWheelsTests : IDisposable
{
    private static readonly string[] Expected =
    [
        "nvidia/cu13/lib/libcublas.so.13", "nvidia/cu13/lib/libnvrtc.so.13", "nvidia/cudnn/lib/libcudnn.so.9", "torch/lib/libc10.so",
        "torch/lib/libcu130.so", "torch/lib/libgomp-24e2ab19.so.1", "torch/lib/libtorch.so", "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
    ];

    private readonly TempFolder _folder = new();
    private readonly FakeWheels _wheels = new();

    private string Target => _folder["torch"];

    public void Dispose()
    {
        _wheels.Dispose();
        _folder.Dispose();
    }

    // What is for Python, other systems, other CUDAs or extras that torch does not ask for stays away, and so does what would lie
    // elsewhere.
    [Fact]
    public async Task Fetch_Index_LaysOutTheLibrariesThatTorchAsksFor()
    {
        var library = await Fetch();
        Assert.Equal(_folder["torch", "torch", "lib"], library);
        Assert.Equal(Expected, Files());
        Assert.StartsWith("torch-2.11.0+cu130-cp312", File.ReadAllText(_folder["torch", "torch", "lib", "libc10.so"]));
        Assert.False(File.Exists(_folder["escaped.so"]));
        var asked = _wheels.Asked.Count();
        await Fetch();
        Assert.Equal(asked, _wheels.Asked.Count());
    }

    [Fact]
    public async Task Fetch_Folder_AsksNobody()
    {
        _wheels.WriteTo(_folder["wheels"]);
        await TorchWheels.Fetch(Target, Options() with { Indexes = [], Folder = _folder["wheels"] });
        Assert.Equal(Expected, Files());
        Assert.Empty(_wheels.Asked);
        Assert.True(File.Exists(_folder["wheels", "torch-2.11.0+cu130-cp312-cp312-manylinux_2_28_x86_64.whl"]));
    }

    [Fact]
    public async Task Fetch_InterruptedAndDamaged_KeepsWhatIsWholeAndTakesNothingElse()
    {
        _wheels.Instead = (request, bytes) =>
            request.Path.Contains("nvrtc", StringComparison.Ordinal) ? new Answer(200, [.. bytes.Reverse()]) : null;
        var error = await Assert.ThrowsAsync<DownloadException>(Fetch);
        Assert.Contains("wrong bytes", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Target));
        _wheels.Instead = (_, _) => null;
        await Fetch();
        Assert.Equal(Expected, Files());
        Assert.Single(_wheels.Asked, path => path.StartsWith("/files/torch", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Fetch_NotThere_SaysWhatTheIndexHas()
    {
        var error = await Assert.ThrowsAsync<DownloadException>(() => TorchWheels.Fetch(Target, Options() with { Variant = "cu128" }));
        Assert.Contains("has no wheel of torch 2.11.0 for cu128", error.Message, StringComparison.Ordinal);
        Assert.Contains("2.11.0+cu130", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<DownloadException>(() => TorchWheels.Fetch(Target, Options() with { Variant = "cpu" }));
        Assert.Contains("for the CPU only", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<DownloadException>(
            () => TorchWheels.Fetch(Target, Options() with { Indexes = [new Uri("http://127.0.0.1:1/simple")] }));
        Assert.Contains("cannot be asked for torch", error.Message, StringComparison.Ordinal);
    }

    private TorchWheelsOptions Options() => new() { Version = "2.11.0", Variant = "cu130", Indexes = [new Uri(_wheels.Url)] };

    private Task<string> Fetch() => TorchWheels.Fetch(Target, Options());

    private IEnumerable<string> Files() => Directory.EnumerateFiles(Target, "*", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(Target, f)).Order(StringComparer.Ordinal);
}
