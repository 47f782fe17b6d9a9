using StreamDiff.Transport.Files;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Files;

/// <summary>One file under two names is found, whatever makes it two; files of their own never are.</summary>
public sealed class FileRulesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public FileRulesTests()
    {
        File.WriteAllText(_folder.File("a.mp4"), "content");
        File.WriteAllText(_folder.File("other.mp4"), "content");
        File.CreateSymbolicLink(_folder.File("link.mp4"), "a.mp4");
        File.CreateSymbolicLink(_folder.File("link2.mp4"), "link.mp4");
        CommandLine.Run("ln", _folder.File("a.mp4"), _folder.File("hard.mp4"));
        File.CreateSymbolicLink(_folder.File("dangling.mp4"), "none.mp4");
        File.CreateSymbolicLink(_folder.File("loop.mp4"), "loop.mp4");
        Directory.CreateDirectory(_folder.File("real/below"));
        File.WriteAllText(_folder.File("real/a.mp4"), "content");
        Directory.CreateSymbolicLink(_folder.File("folder"), "real");
        Directory.CreateSymbolicLink(_folder.File("deep"), "real/below");
    }

    public static TheoryData<string, string> OneFile => new()
    {
        { "a.mp4", "a.mp4" },
        { "a.mp4", "./real/../a.mp4" },
        { "a.mp4", "hard.mp4" },
        { "a.mp4", "link.mp4" },
        { "link2.mp4", "hard.mp4" },
        { "real/a.mp4", "folder/a.mp4" },
        { "real/a.mp4", "deep/../a.mp4" },
        { "none.mp4", "dangling.mp4" },
        { "none.mp4", "none.mp4" },
        { "real/none.mp4", "folder/none.mp4" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(OneFile))]
    public void Problems_OneFileUnderTwoNames_IsRefusedBothWays(string one, string two)
    {
        foreach (var (first, second) in new[] { (one, two), (two, one) })
        {
            var (read, write) = (FileUse.Read("input", Path(first)), FileUse.Write("contact-sheet", Path(second)));
            Assert.Equal([$"contact-sheet {Path(second)} is the input itself: it would be destroyed"], FileRules.Problems([read, write]));
            Assert.Equal([$"contact-sheet {Path(second)} is the input itself: it would be destroyed"], FileRules.Problems([write, read]));
            Assert.Equal(
                [$"contact-sheet {Path(second)} and output {Path(first)} are one file: give each a name of its own"],
                FileRules.Problems([FileUse.Write("output", Path(first)), write]));
            Assert.Empty(FileRules.Problems([read, FileUse.Read("timeline", Path(second))]));
        }
    }

    [Theory]
    [InlineData("a.mp4", "other.mp4")]
    [InlineData("a.mp4", "real/a.mp4")]
    [InlineData("none.mp4", "none2.mp4")]
    [InlineData("none.mp4", "real/none.mp4")]
    public void Problems_FilesOfTheirOwn_AreLeftInPeace(string one, string two) =>
        Assert.Empty(FileRules.Problems(
        [
            FileUse.Write("output", Path(one)),
            FileUse.Write("log", Path(two)),
            FileUse.Read("input", Path("link.mp4")[..^8] + "real/below"),
        ]));

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/stderr")]
    public void Problems_WhatKeepsNothing_MayBeUsedTwice(string path) => Assert.Empty(
        FileRules.Problems([FileUse.Write("json", path), FileUse.Write("log", "/dev/null"), FileUse.Read("input", "/dev/null")]));

    [Theory]
    [InlineData("nowhere/a.png", "the folder of sheet {0} does not exist")]
    [InlineData("nowhere/deeper/a.png", "the folder of sheet {0} does not exist")]
    [InlineData("a.mp4/a.png", "sheet {0} cannot be written: {1} is a file, not a folder")]
    [InlineData("real", "sheet {0} is a folder, not a file")]
    [InlineData("folder", "sheet {0} is a folder, not a file")]
    [InlineData("new/", "sheet {0} is a folder, not a file")]
    [InlineData("loop.mp4", "sheet {0} cannot be written: Too many levels of symbolic links")]
    [InlineData("/proc/a.png", "sheet {0} cannot be written: No such file or directory")]
    [InlineData("/sys/a.png", "sheet {0} cannot be written: Permission denied")]
    [InlineData("", "sheet needs the name of a file")]
    public void Obstacle_CannotBeWritten_SaysWhyAndMakesNothing(string name, string says)
    {
        var path = name.Length == 0 ? "" : Path(name);
        var before = Directory.GetFileSystemEntries(_folder.Root, "*", SearchOption.AllDirectories);
        // Containers mount /sys so that it takes nothing at all.
        var obstacle = FileRules.Obstacle(FileUse.Write("sheet", path))?.Replace(
            "Read-only file system", "Permission denied", StringComparison.Ordinal);
        Assert.Equal(string.Format(null, says, path, _folder.File("a.mp4")), obstacle);
        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Root, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void Obstacle_NameTooLong_SaysSo() =>
        Assert.EndsWith("cannot be written: File name too long",
            FileRules.Obstacle(FileUse.Write("sheet", Path(new string('x', 300) + ".png"))), StringComparison.Ordinal);

    [Fact]
    public void Obstacle_CanBeWritten_IsNoneAndLeavesAllAsItWas()
    {
        var before = Directory.GetFileSystemEntries(_folder.Root);
        Assert.Null(FileRules.Obstacle(FileUse.Write("sheet", Path("new.png"))));
        Assert.Null(FileRules.Obstacle(FileUse.Write("sheet", Path("a.mp4"))));
        Assert.Null(FileRules.Obstacle(FileUse.Write("json", Path("made/for/it.json")) with { MakesFolders = true }));
        Assert.Null(FileRules.Obstacle(new FileUse(FileUseKind.Fill, "plots", Path("made/plots"))));
        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Root));
        Assert.Equal("content", File.ReadAllText(_folder.File("a.mp4")));
    }

    [Fact]
    public void Obstacle_FolderOfPlotsIsAFile_SaysSo() => Assert.Equal(
        $"plots {Path("a.mp4")} cannot be written: {Path("a.mp4")} is a file, not a folder",
        FileRules.Obstacle(new FileUse(FileUseKind.Fill, "plots", Path("a.mp4"))));

    [Theory]
    [InlineData(FileUseKind.RecordSegments, "show-0001.mp4", FileUseKind.Read, true)]
    [InlineData(FileUseKind.RecordSegments, "folder/../show-0001.mp4", FileUseKind.Read, true)]
    [InlineData(FileUseKind.RecordSegments, "show-12345.mp4", FileUseKind.Record, true)]
    [InlineData(FileUseKind.Record, "show-0001.mp4", FileUseKind.Write, true)]
    [InlineData(FileUseKind.Record, "show.mp4", FileUseKind.Record, true)]
    [InlineData(FileUseKind.Record, "show-0001.mp4", FileUseKind.Read, false)]
    [InlineData(FileUseKind.RecordSegments, "show-001.mp4", FileUseKind.Read, false)]
    [InlineData(FileUseKind.RecordSegments, "show-000x.mp4", FileUseKind.Read, false)]
    [InlineData(FileUseKind.RecordSegments, "show-0001.mkv", FileUseKind.Write, false)]
    [InlineData(FileUseKind.RecordSegments, "real/show-0001.mp4", FileUseKind.Write, false)]
    public void Problems_NameThatARecordingMayTake_IsRefused(FileUseKind recording, string name, FileUseKind use, bool isRefused)
    {
        var (record, other) = (new FileUse(recording, "output", Path("show.mp4")), new FileUse(use, "log", Path(name)));
        Assert.Equal(isRefused ? 1 : 0, FileRules.Problems([record, other]).Count);
        Assert.Equal(isRefused ? 1 : 0, FileRules.Problems([other, record]).Count);
    }

    [Fact]
    public void Clashes_WorkThatGoesOn_IsAskedAboutOnlyWithWhatIsNew()
    {
        FileUse[] first =
        [
            FileUse.Write("output", Path("x.mkv")) with { Owner = "session one" },
            FileUse.Write("log", Path("x.mkv")) with { Owner = "session one" },
        ];
        Assert.Empty(FileRules.Clashes(first, [FileUse.Write("output", Path("y.mkv"))]));
        Assert.Equal(
            [$"output {Path("x.mkv")} of session two and output {Path("x.mkv")} of session one are one file: give each a name of its own"],
            FileRules.Clashes(first[..1], [FileUse.Write("output", Path("x.mkv")) with { Owner = "session two" }]));
    }

    // Not Path.Combine's job to tidy up: names are tried as a user writes them.
    private string Path(string name) => name.StartsWith('/') ? name : $"{_folder.Root}/{name}";
}
