using System.Security.Cryptography;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Testing;

namespace StreamDiff.Models.Tests.Registry;

public sealed class ModelCatalogTests : IDisposable
{
    private static readonly string AbcHash = Convert.ToHexStringLower(SHA256.HashData("abc"u8));

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Find_UnknownModel_ListsTheKnownOnes()
    {
        TestModels.Write(_folder, "models", "one");
        TestModels.Write(_folder, "data", "two");
        var error = Assert.Throws<ModelException>(() => Catalog().Find("three"));
        Assert.Equal("unknown model 'three': there are one, two", error.Message);
    }

    [Fact]
    public void Find_SameNameTwice_TheUsersChoiceWins()
    {
        TestModels.Write(_folder, "models", "one");
        var chosen = TestModels.Write(_folder, "chosen", "one");
        Assert.Equal(chosen, Catalog(_folder["chosen"]).Find("one").Folder);
    }

    [Fact]
    public void Find_PathOfFolder_UsesItsOwnWeights()
    {
        var elsewhere = TestModels.Write(_folder, "elsewhere", "mine");
        var model = Catalog().Find(elsewhere + "/");
        Assert.Equal(("mine", elsewhere, Path.Combine(elsewhere, "weights")), (model.Name, model.Folder, model.WeightsFolder));
    }

    [Fact]
    public void WeightsFolder_NothingThereYet_IsTheUsersNotTheProgramsFolder()
    {
        TestModels.Write(_folder, "models", "one");
        Directory.CreateDirectory(_folder["chosen"]);
        Assert.Equal(_folder["data", "one", "weights"], Catalog().Find("one").WeightsFolder);
        Assert.Equal(_folder["chosen", "one", "weights"], Catalog(_folder["chosen"]).Find("one").WeightsFolder);
    }

    [Fact]
    public void WeightsFolder_BesideTheModel_IsUsed()
    {
        var folder = TestModels.Write(_folder, "models", "one");
        Directory.CreateDirectory(Path.Combine(folder, "weights"));
        Assert.Equal(Path.Combine(folder, "weights"), Catalog().Find("one").WeightsFolder);
    }

    [Theory]
    [InlineData(null, ModelFileState.Missing, "is missing")]
    [InlineData("ab", ModelFileState.WrongSize, "has 2 bytes instead of 3")]
    [InlineData("abd", ModelFileState.WrongHash, "is damaged")]
    [InlineData("abc", ModelFileState.Ok, "")]
    public void Check_File_TellsItsStateAndTheRemedy(string? content, ModelFileState state, string problem)
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", 3, AbcHash, "http://localhost/a.bin"));
        if (content is not null)
            _folder.Write("data/one/weights/a.bin", content);
        var check = Assert.Single(ModelFiles.Check(Catalog().Find("one")));
        Assert.Equal(state, check.State);
        Assert.StartsWith(problem, check.Problem, StringComparison.Ordinal);
        Assert.Equal(state == ModelFileState.Ok ? "" : "streamdiff models pull one", check.Remedy);
    }

    [Fact]
    public void Check_NoHashKnown_IsUsableButNotVerified()
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", null, null, "http://localhost/a.bin"));
        _folder.Write("data/one/weights/a.bin", "abc");
        var check = Assert.Single(ModelFiles.Check(Catalog().Find("one")));
        Assert.Equal((ModelFileState.NotVerified, true), (check.State, check.Usable));
    }

    [Theory]
    [InlineData("abc", ModelFileState.Ok)]
    [InlineData("abd", ModelFileState.WrongHash)]
    public void Check_HashRecordedByDownload_IsCompared(string content, ModelFileState state)
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", null, null, "http://localhost/a.bin"));
        ModelFiles.Record(_folder.Write("data/one/weights/a.bin", content), AbcHash);
        Assert.Equal(state, Assert.Single(ModelFiles.Check(Catalog().Find("one"))).State);
    }

    [Fact]
    public void Check_HalfDownloaded_SaysHowMuch()
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", 4, AbcHash, "http://localhost/a.bin"));
        _folder.Write("data/one/weights/a.bin.part", "abc");
        Assert.Equal("is missing (75 % downloaded)", Assert.Single(ModelFiles.Check(Catalog().Find("one"))).Problem);
    }

    [Fact]
    public void Obstacles_NothingDownloaded_IsOneLine()
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", 2_000_000, AbcHash, "http://localhost/a"),
            ("b.bin", 1_000_000, null, "http://localhost/b"));
        Assert.Equal(["model one is not downloaded (2 files, 3.0 MB): streamdiff models pull one"],
            ModelFiles.Obstacles(Catalog().Find("one"), "taehv"));
    }

    [Fact]
    public void TryLink_AnotherModelHasTheSameBytes_LinksThem()
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", 3, AbcHash, "http://localhost/a"));
        TestModels.Write(_folder, "models", "two", ("sub/b.bin", 3, AbcHash, "http://localhost/b"));
        _folder.Write("data/one/weights/a.bin", "abc");
        var catalog = Catalog();
        var two = catalog.Find("two");
        Assert.True(ModelSharing.TryLink(catalog, two, two.Manifest.Files[0]));
        Assert.Equal("abc", File.ReadAllText(_folder["data", "two", "weights", "sub", "b.bin"]));
    }

    [Fact]
    public void TryLink_AnotherModelsFileIsDamaged_DoesNot()
    {
        TestModels.Write(_folder, "models", "one", ("a.bin", 3, AbcHash, "http://localhost/a"));
        TestModels.Write(_folder, "models", "two", ("b.bin", 3, AbcHash, "http://localhost/b"));
        _folder.Write("data/one/weights/a.bin", "abd");
        var catalog = Catalog();
        var two = catalog.Find("two");
        Assert.False(ModelSharing.TryLink(catalog, two, two.Manifest.Files[0]));
        Assert.False(File.Exists(two.PathOf(two.Manifest.Files[0])));
    }

    private ModelCatalog Catalog(string? chosen = null) => new(chosen, _folder["bin"], _folder["data"]);
}
