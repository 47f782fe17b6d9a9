using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using static StreamDiff.Repository.Tests.RepositoryFiles;

namespace StreamDiff.Repository.Tests;

public sealed partial class RepositoryRulesTests
{
    private const int LongestFile = 450;

    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["FFmpeg.Bindings"] = [],
        ["Transport"] = ["FFmpeg.Bindings"],
        ["Scheduling"] = [],
        ["Models"] = [],
        ["Pipeline"] = ["Transport", "Scheduling", "Models"],
        ["CommandLine"] = ["Pipeline"],
        ["Client"] = [],
        ["Server"] = ["CommandLine", "Pipeline", "Client"],
        ["Fleet"] = ["CommandLine", "Pipeline", "Client", "Server"],
        ["Cli"] = ["CommandLine", "Pipeline", "Server", "Fleet"],
        ["Bench"] = ["Client", "CommandLine", "Pipeline"],
        ["Training"] = ["Pipeline"],
    };

    public static TheoryData<string> EachProject() => [.. Projects];

    [Theory]
    [MemberData(nameof(EachProject))]
    public void Project_References_FollowTheDirection(string project)
    {
        var references = Items(project, "ProjectReference").Select(r => Path.GetFileName(Path.GetDirectoryName(r)!)).ToList();
        Assert.True(Allowed.ContainsKey(project), $"src/{project} has no place in the order of dependencies yet");
        Assert.Subset(Allowed[project].ToHashSet(), references.ToHashSet());
    }

    // Drawing is for those who measure and train: a user's build need not fetch it.
    [Theory]
    [MemberData(nameof(EachProject))]
    public void LockFile_OfAProgramThatDoesNotDraw_NamesNoDrawingLibrary(string project)
    {
        var drawing = Packages(Path.Combine(Root, "src", project, "packages.lock.json")).Where(p => DrawingLibrary().IsMatch(p)).ToList();
        if (project is "Bench" or "Training")
            Assert.Contains("ScottPlot", drawing);
        else
            Assert.Empty(drawing);
    }

    [Fact]
    public void LockFiles_All_NameNativeLibrariesOfLinuxOnly()
    {
        string[] lockFiles = [.. Directory.EnumerateFiles(Root, "packages.lock.json", SearchOption.AllDirectories).Where(f => !IsBuilt(f))];
        Assert.True(lockFiles.Length > Projects.Count, "every project has one");
        Assert.All(lockFiles, f => Assert.DoesNotContain(Packages(f), p => OtherSystems().IsMatch(p)));
    }

    // Two rules to find a rank gave two reports two values of one p95.
    [Fact]
    public void Sources_ChoosingAValueByItsRank_AskDistribution() =>
        Assert.DoesNotContain(Sources("src").Where(f => !f.EndsWith("/Statistics/Distribution.cs", StringComparison.Ordinal)),
            f => RankOfASample().IsMatch(File.ReadAllText(f)));

    [Theory]
    [InlineData("Scheduling")]
    [InlineData("Transport")]
    [InlineData("FFmpeg.Bindings")]
    public void Project_WithoutTensors_KnowsNoTorchSharp(string project)
    {
        Assert.DoesNotContain(Items(project, "PackageReference"), p => p.Contains("torch", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(Sources($"src/{project}"), f => File.ReadAllText(f).Contains("using TorchSharp", StringComparison.Ordinal));
    }

    [Fact]
    public void Projects_All_AreInTheSolution()
    {
        var solution = File.ReadAllText(Path.Combine(Root, "StreamDiff.sln"));
        foreach (var folder in (string[])["src", "tests"])
            foreach (var project in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.csproj", SearchOption.AllDirectories))
                Assert.Contains(Path.GetFileName(project), solution, StringComparison.Ordinal);
    }

    [Fact]
    public void Sources_OfOurs_AreNotTooLong() =>
        Assert.All(Sources("src").Where(f => !f.Contains("/Generated/", StringComparison.Ordinal)),
            f => Assert.True(File.ReadLines(f).Count() <= LongestFile, $"{f} has grown past one idea"));

    [Fact]
    public void Sources_ReadNoWallClockAndDoNotSleep() =>
        Assert.DoesNotContain(Sources("src"), f => WallClock().IsMatch(File.ReadAllText(f)));

    [Fact]
    public void Repository_HasALicence() =>
        Assert.Contains("Apache License", File.ReadAllText(Path.Combine(Root, "LICENSE")), StringComparison.Ordinal);

    [Theory]
    [InlineData("scripts/demo")]
    [InlineData("scripts/test")]
    [InlineData("scripts/install")]
    [InlineData("docs/guides/systemd.md")]
    [InlineData("docs/architecture.md")]
    [InlineData("docs/images/demo.jpg")]
    public void Readme_Names_WhatExists(string path)
    {
        Assert.Contains(path, File.ReadAllText(Path.Combine(Root, "README.md")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Root, path)));
    }

    // Sourced without arguments it would get the script's own, and ask apt for them.
    [Fact]
    public void Scripts_SourcingPrerequisites_NamePackages() =>
        Assert.All(Directory.EnumerateFiles(Path.Combine(Root, "scripts")),
            f => Assert.DoesNotContain(". scripts/prerequisites", File.ReadLines(f).Select(l => l.Trim())));

    private static IEnumerable<string> Items(string project, string kind) =>
        XDocument.Load(Assert.Single(Directory.EnumerateFiles(Path.Combine(Root, "src", project), "*.csproj"))).Descendants(kind)
            .Select(e => e.Attribute("Include")!.Value);

    /// <summary>Every package that a restore by this lock file fetches.</summary>
    private static HashSet<string> Packages(string lockFile)
    {
        using var file = JsonDocument.Parse(File.ReadAllText(lockFile));
        var names = new HashSet<string>();
        foreach (var package in file.RootElement.GetProperty("dependencies").EnumerateObject()
            .SelectMany(framework => framework.Value.EnumerateObject()))
            if (package.Value.GetProperty("type").GetString() != "Project")
                names.Add(package.Name);
        return names;
    }

    [GeneratedRegex("^(SkiaSharp|HarfBuzzSharp|ScottPlot)", RegexOptions.IgnoreCase)]
    private static partial Regex DrawingLibrary();

    [GeneratedRegex(@"(^|[.-])(win\d*|windows|macos|osx|android|ios|maccatalyst|tizen|tvos)([.-]|$)", RegexOptions.IgnoreCase)]
    private static partial Regex OtherSystems();

    // sorted[sorted.Length / 2], sorted[(int)(0.95 * n)], Order().ElementAt(...)
    [GeneratedRegex(@"\[\w+\.(Length|Count) / 2\]|\w\[(Math\.\w+\([^\]]*)?\(int\)[^\]]*(share|quantile|0\.\d+)|Order\(\)\.ElementAt",
        RegexOptions.IgnoreCase)]
    private static partial Regex RankOfASample();

    [GeneratedRegex(@"DateTime\.Now\b|Thread\.Sleep\(")]
    private static partial Regex WallClock();
}
