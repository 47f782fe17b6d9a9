using System.Text.Json;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

public sealed class DoctorAndVerifyTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    // A service has no home, or may not write there.
    [Fact]
    [Trait("Category", "Slow")]
    public void Doctor_NoFolderMayBeWritten_LibtorchLoads()
    {
        foreach (var name in (string[])["HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"])
            _streamdiff.Environment[name] = "/proc/nowhere";
        Assert.Matches("ok +TorchSharp library", _streamdiff.Run("doctor").Output);
    }

    [Fact]
    public void Doctor_ThisMachine_HasAllThatTinyNeeds()
    {
        var outcome = _streamdiff.Run("doctor");
        Assert.Equal(0, outcome.ExitCode);
        Assert.All((string[])["libtorch", "libavcodec", "encoder libx264", "CUDA", "video devices", "tiny"],
            name => Assert.Contains($" {name} ", outcome.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Doctor_Json_HasARemedyForEverythingAbsent()
    {
        using var findings = JsonDocument.Parse(_streamdiff.Run("doctor", "--json").Output);
        foreach (var line in findings.RootElement.EnumerateArray())
            Assert.Equal(line.GetProperty("state").GetString() == "ok", line.GetProperty("remedy").GetString()!.Length == 0);
    }

    [Fact]
    public void Doctor_NoLibtorch_SaysSoAndChecksTheRest()
    {
        _streamdiff.Environment["STREAMDIFF_LIBTORCH"] = _streamdiff.Folder["nothing"];
        var outcome = _streamdiff.Run("doctor");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches("MISSING +libtorch ", outcome.Output);
        Assert.Contains("libavcodec", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Doctor_TinyIsDamaged_SaysWhatToDo()
    {
        _streamdiff.Environment["STREAMDIFF_MODELS"] = _streamdiff.Folder["models"];
        _streamdiff.Folder.Write("models/tiny/model.json", "{");
        var outcome = _streamdiff.Run("doctor");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches("MISSING +tiny .*restore", outcome.Output);
    }

    [Fact]
    public void Verify_GoldenCase_PassesWithALine()
    {
        var outcome = _streamdiff.Run("verify", Path.Combine(Golden(), "flow_match"));
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches("^pass  flow_match +abs .* rel .*\n1 of 1 cases pass\n$", outcome.Output);
    }

    [Fact]
    public void Verify_CaseWithOtherNumbers_Fails()
    {
        Directory.CreateDirectory(_streamdiff.Folder["case"]);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Golden(), "flow_match")))
            File.Copy(file, _streamdiff.Folder["case", Path.GetFileName(file)]);
        var text = File.ReadAllText(_streamdiff.Folder["case", "case.json"]);
        _streamdiff.Folder.Write("case/case.json", text.Replace("\"shift\": 8.0", "\"shift\": 5.0", StringComparison.Ordinal));
        var outcome = _streamdiff.Run("verify", ".");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("FAIL  flow_match", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_WrongUse_IsToldTogether()
    {
        var outcome = _streamdiff.Run("verify", "nowhere", "--device", "gpu", "--dtype", "int8");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal(3, outcome.Problems.Length);
    }

    [Fact]
    public void Verify_FolderWithoutCases_IsOneLine()
    {
        var outcome = _streamdiff.Run("verify", ".");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("holds no golden case", Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
    }

    private static string Golden()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "golden")))
                return Path.Combine(folder.FullName, "tests", "golden");
        throw new DirectoryNotFoundException("tests/golden was not found above the test binaries");
    }
}
