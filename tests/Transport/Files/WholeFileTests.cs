using StreamDiff.Transport.Files;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Files;

/// <summary>A file is written completely or stays as it was.</summary>
public sealed class WholeFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_OlderFile_IsReplacedWithItsPermissionsAndOtherNamesKeepTheOldContent()
    {
        File.WriteAllText(_folder.File("a.json"), "old");
        CommandLine.Run("chmod", "640", _folder.File("a.json"));
        CommandLine.Run("ln", _folder.File("a.json"), _folder.File("hard.json"));

        WholeFile.Write(_folder.File("a.json"), "new");

        Assert.Equal(("new", "old"), (File.ReadAllText(_folder.File("a.json")), File.ReadAllText(_folder.File("hard.json"))));
        Assert.Equal("640\n", CommandLine.Run("stat", "-c", "%a", _folder.File("a.json")));
        Assert.Equal(2, Directory.GetFiles(_folder.Root).Length);
    }

    [Fact]
    public void Write_ThroughALink_ReplacesWhatItLeadsTo()
    {
        Directory.CreateDirectory(_folder.File("below"));
        File.CreateSymbolicLink(_folder.File("link.json"), "below/a.json");

        WholeFile.Write(_folder.File("link.json"), "new");

        Assert.Equal("new", File.ReadAllText(_folder.File("below/a.json")));
        Assert.Equal("below/a.json", new FileInfo(_folder.File("link.json")).LinkTarget);
    }

    [Fact]
    public async Task Write_DeviceOrPipe_IsWrittenAndStaysOne()
    {
        CommandLine.Run("mkfifo", _folder.File("pipe"));
        var read = Task.Run(() => File.ReadAllText(_folder.File("pipe")));
        WholeFile.Write(_folder.File("pipe"), "new");
        Assert.Equal("new", await read);
        WholeFile.Write("/dev/null", "new");
        Assert.Equal("", File.ReadAllText("/dev/null"));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void CreatePrivate_NewFile_IsItsOwnersAlone()
    {
        WholeFile.CreatePrivate(_folder.File("secret"), "new\n");
        Assert.Equal("new\n", File.ReadAllText(_folder.File("secret")));
        Assert.Equal("600\n", CommandLine.Run("stat", "-c", "%a", _folder.File("secret")));
    }

    [Fact]
    public void CreatePrivate_NameThatIsTaken_StaysAsItWas()
    {
        File.WriteAllText(_folder.File("file"), "old");
        CommandLine.Run("mkfifo", _folder.File("pipe"));
        Directory.CreateDirectory(_folder.File("folder"));
        File.CreateSymbolicLink(_folder.File("link"), "file");
        File.CreateSymbolicLink(_folder.File("dangling"), "nothing");
        foreach (var name in (string[])["file", "pipe", "folder", "link", "dangling"])
        {
            var error = Assert.Throws<IOException>(() => WholeFile.CreatePrivate(_folder.File(name), "new"));
            Assert.Equal($"{_folder.File(name)} is there already and is not replaced: give another name", error.Message);
        }
        Assert.Equal("old", File.ReadAllText(_folder.File("file")));
        Assert.Equal(5, Directory.GetFileSystemEntries(_folder.Root).Length);
        var nowhere = Assert.Throws<IOException>(() => WholeFile.CreatePrivate(_folder.File("nowhere/a"), "new"));
        Assert.Contains("cannot be written", nowhere.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("below")]
    [InlineData("nowhere/a.json")]
    public void Write_Impossible_IsOneLineWithTheNameAndLeavesNoDraft(string name)
    {
        File.WriteAllText(Directory.CreateDirectory(_folder.File("below")).FullName + "/kept", "old");
        var error = Assert.ThrowsAny<Exception>(() => WholeFile.Write(_folder.File(name), "new"));
        Assert.True(error is IOException or UnauthorizedAccessException, error.ToString());
        Assert.Contains(_folder.File(name), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".part", error.Message, StringComparison.Ordinal);
        Assert.Equal([_folder.File("below"), _folder.File("below/kept")],
            Directory.GetFileSystemEntries(_folder.Root, "*", SearchOption.AllDirectories));
    }
}
