using System.Runtime.Versioning;
using System.Text.Json;
using StreamDiff.CommandLine;
using StreamDiff.Testing;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Setting up what computes, with a driver that is a script and an index on loopback: there is no GPU here.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SetupCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    private string Chosen => _streamdiff.Folder["data", "streamdiff", "libtorch", "chosen"];

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Gpu_NoDriver_SaysWhatToDo()
    {
        Driver("exit 127");
        var outcome = _streamdiff.Run("setup", "gpu");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("no NVIDIA driver", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("470.256.02", "3.5", "the NVIDIA driver 470.256.02 is too old")]
    [InlineData("550.90.07", "12.0", "no wheel of torch 2.11.0 for cu128")]
    [InlineData("580.95.05", "7.0", "cu126 does not work here")]
    public void Gpu_DriverAndCard_DecideWhatIsFetched(string driver, string capability, string said)
    {
        using var wheels = new FakeWheels();
        Card(driver, capability);
        var outcome = _streamdiff.Run("setup", "gpu", "--index", wheels.Url);
        Assert.Equal(1, outcome.ExitCode);
        var problem = Assert.Single(outcome.Problems).Replace("/torch/lib", "", StringComparison.Ordinal);
        Assert.Contains(said, problem, StringComparison.Ordinal);
    }

    // The wheels have the right shape and hold nothing that could be loaded: it is tried, and not remembered.
    [Fact]
    [Trait("Category", "Slow")]
    public void Gpu_LibrariesThatDoNotLoad_AreNotRemembered()
    {
        using var wheels = new FakeWheels();
        Card("580.95.05", "9.0");
        _streamdiff.Environment["PIP_INDEX_URL"] = wheels.Url;
        var outcome = _streamdiff.Run("setup", "gpu");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("NVIDIA Fake, 151 GB; driver 580.95.05: torch 2.11.0 for cu130", outcome.Output, StringComparison.Ordinal);
        Assert.Matches("does not work here, nothing was remembered: .*libc10.so", Assert.Single(outcome.Problems));
        Assert.False(File.Exists(Chosen));
        Assert.Matches("ok +NVIDIA driver +NVIDIA Fake, 151 GB; driver 580.95.05", _streamdiff.Run("doctor").Output);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void LibTorch_ThatWorks_IsRememberedUntilItIsForgotten()
    {
        var used = Found();
        var outcome = _streamdiff.Run("setup", "libtorch", used);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches("tiny 320x192: [0-9.]+ frames a second", outcome.Output);
        Assert.Equal($"{used}\n", File.ReadAllText(Chosen));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Chosen));
        Assert.Contains("(found by: streamdiff setup)", _streamdiff.Run("doctor").Output, StringComparison.Ordinal);

        // Somebody else could have written it: it says which code is loaded.
        File.SetUnixFileMode(Chosen, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite);
        Assert.Matches("MISSING +libtorch .*chosen is open to other users", _streamdiff.Run("doctor").Output);
        File.SetUnixFileMode(Chosen, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(Chosen, "/nowhere\n");
        Assert.Matches("MISSING +libtorch .*is gone from /nowhere", _streamdiff.Run("doctor").Output);

        Assert.Equal(0, _streamdiff.Run("setup", "cpu").ExitCode);
        Assert.Equal(used, Found());
    }

    [Fact]
    public void LibTorch_NoSuchFolder_IsAWrongUse() =>
        Assert.Contains("holds no libtorch_cpu.so",
            Assert.Single(_streamdiff.Run("setup", "libtorch", ".").Problems), StringComparison.Ordinal);

    [Fact]
    [Trait("Category", "Slow")]
    public void DoctorMeasures_OnTheCpu_SaysWhatToExpectOfEachModelAndSize()
    {
        using var findings = JsonDocument.Parse(_streamdiff.Run("doctor", "--json", "--measure", "0.5").Output);
        var rates = findings.RootElement.EnumerateArray().Where(l => l.GetProperty("area").GetString() == "frame rate")
            .ToDictionary(l => l.GetProperty("name").GetString()!, l => l.GetProperty("found").GetString()!);
        foreach (var size in (string[])["320x192", "224x128", "160x96"])
            Assert.Matches("^[0-9.]+ frames a second \\(2 steps, taehv, cpu in (bfloat16|float32)\\): ", rates[$"tiny {size}"]);
        Assert.Matches("reckoned|transformer alone takes", rates["wan2.1-t2v-14b-streamdiffusionv2 832x480"]);
        Assert.Equal(2, _streamdiff.Run("doctor", "--model", "tiny").ExitCode);
    }

    // The folder of the libtorch that comes with the build.
    private string Found()
    {
        using var findings = JsonDocument.Parse(_streamdiff.Run("doctor", "--json").Output);
        var text = findings.RootElement.EnumerateArray().First(l => l.GetProperty("name").GetString() == "libtorch")
            .GetProperty("found").GetString()!;
        return text.Split(" in ", 2)[1].Split(" (found by")[0];
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Doctor_AToolInTheWorkingDirectory_IsNotRun()
    {
        var planted = _streamdiff.Folder.Write("nvidia-smi", "#!/bin/sh\ntouch ran\necho 'PLANTED, 1 MiB, 580.1, 9.0'\n");
        File.SetUnixFileMode(planted, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.DoesNotContain("PLANTED", _streamdiff.Run("doctor").Output, StringComparison.Ordinal);
        Assert.False(File.Exists(_streamdiff.Folder["ran"]));
    }

    private void Card(string driver, string capability) => Driver($"echo 'NVIDIA Fake, 143771 MiB, {driver}, {capability}'");

    private void Driver(string script)
    {
        var file = _streamdiff.Folder.Write("bin/nvidia-smi", $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _streamdiff.Environment["PATH"] = $"{Path.GetDirectoryName(file)}:{Environment.GetEnvironmentVariable("PATH")}";
    }
}
