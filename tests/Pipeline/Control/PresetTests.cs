using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Tests.Control;

public sealed class PresetTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Find_FileOfAPerson_IsReadInAnySpelling()
    {
        Write("night", "prompt: neon # as on the street\nnoiseScale: 0.4\nsink_threshold: 0.3\nsinks: 2\nloras: { dusk: 0.5 }\nblend: 4\n");
        Assert.Equal(
            [
                new PromptChange("neon", 4), new NoiseScaleChange(0.4) { Glide = Glide.Of(4) }, new SinksChange(2, 0.3),
                (ControlChange)new LoraChange("dusk", 0.5) { Glide = Glide.Of(4) },
            ],
            Library.Find("night")!.Changes());
        Assert.Equal(
            new PromptChange("neon", 1, BlendKind.Spherical) { Over = new ControlLength(2, LengthUnit.Seconds), Easing = Easing.InOut },
            Library.Expand(ControlLine.ParseChange("preset night blend 2s spherical ease"))[0]);
    }

    [Theory]
    [InlineData("promt: x", ":1 'promt' is no setting of a preset")]
    [InlineData("steps: 2\nnoise-scale: high", ":2 noise-scale must be a number")]
    [InlineData("steps: 9", ": steps must be from 1 to 4, not 9")]
    [InlineData("loras: [dusk]", ":1 loras must be names with their strengths")]
    [InlineData("- neon", " must be a list of 'name: value' lines")]
    [InlineData("prompt: {", "is not valid YAML")]
    public void Find_DamagedFile_SaysWhereAndHidesNoOther(string text, string says)
    {
        Write("wrong", text);
        Write("right", "steps: 1");
        Assert.Contains(says, Assert.Throws<ControlException>(() => Library.Find("wrong")).Message, StringComparison.Ordinal);
        Assert.Equal("right", Assert.Single(Library.All).Name);
    }

    // As where the disk is full: a folder of that name stands in the way of the last file.
    [Theory]
    [InlineData("second.yaml")]
    [InlineData("second.png")]
    public void Keep_OneOfThemCannotBeWritten_ChangesNothing(string obstacle)
    {
        var own = _folder.File("mine");
        var library = new PresetLibrary(own, null, _folder.File("programs"));
        _ = library.Keep(new Preset("first") { Steps = 1 }, (".jpg", [1]));
        Directory.CreateDirectory(Path.Combine(own, obstacle));
        Assert.Contains(obstacle, Assert.Throws<IOException>(() => library.Keep(
            [(new Preset("first") { Steps = 2 }, (".png", [2])), (new Preset("second") { Steps = 2 }, (".png", [2]))])).Message,
            StringComparison.Ordinal);
        var kept = Assert.Single(library.All);
        Assert.Equal(1, kept.Steps);
        Assert.Equal([1], File.ReadAllBytes(kept.ThumbnailFile!));
        Assert.Equal(["first.jpg", "first.yaml", obstacle], Directory.GetFileSystemEntries(own).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("../right")]
    [InlineData(".right")]
    [InlineData("")]
    [InlineData("a\nb")]
    public void Find_NameThatIsNone_LeavesTheFolder(string name)
    {
        Write("right", "steps: 1");
        Assert.Null(new PresetLibrary(_folder.File("own/deeper"), _folder.File("own"), _folder.File("programs")).Find(name));
        Assert.NotNull(PresetLibrary.NameProblem(name));
    }

    [Fact]
    public void Find_SeveralOfOneName_TheUsersOwnComesFirst()
    {
        var library = new PresetLibrary(_folder.File("mine"), _folder.File("own"), _folder.File("programs"));
        Write("same", "steps: 1");
        Assert.Equal(1, library.Find("same")!.Steps);
        _ = library.Keep(library.Find("same")! with { Steps = 2 }, null);
        Assert.Equal(2, library.Find("same")!.Steps);
        Assert.True(library.Delete("same"));
        Assert.Equal(1, library.Find("same")!.Steps);
    }

    [Fact]
    public void BuiltIn_AllOfThem_CanBeTakenAndHaveAPicture()
    {
        var all = new PresetLibrary(_folder.File("none")).All;
        Assert.True(all.Count >= 12);
        Assert.All(all, preset =>
        {
            Assert.True(preset.IsBuiltIn);
            Assert.NotNull(preset.ThumbnailFile);
            Assert.NotEmpty(preset.Changes());
        });
    }

    [Fact]
    public async Task Take_Preset_AllOfItInOneChunkAndWhatIsWrittenNeedsNoPreset()
    {
        Write("night", "prompt: neon\nnoise-scale: 0.4\nsteps: 1");
        var controls = new StreamControls(presets: Library);
        var encoded = new TaskCompletionSource();
        controls.Open(ControlLimits.Widest, c => c is PromptChange ? encoded.Task : Task.CompletedTask);
        var preset = controls.Apply(ControlLine.ParseChange("preset night blend 8"));
        Assert.Empty(controls.Take(Span(0)));
        encoded.SetResult();
        var applied = controls.Take(Span(1));
        Assert.Equal(["prompt \"neon\" blend 8", "noise 0.4 blend 8", "steps 1"], applied.Select(a => a.Change.ToString()));
        Assert.All(applied, a => Assert.True(a.Change.IsLogged));
        Assert.Equal("chunk 1 (frame 5): preset night blend 8", (await preset.Effect).ToString());
        Assert.StartsWith("there is no preset named day: there are night",
            Assert.Throws<ControlException>(() => controls.Apply(new PresetChange("day"))).Message, StringComparison.Ordinal);
    }

    private PresetLibrary Library => new(_folder.File("own"), null, _folder.File("programs"));

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(_folder.File("own"));
        File.WriteAllText(_folder.File($"own/{name}.yaml"), text);
    }

    private static ChunkSpan Span(long chunk) => new(chunk, 4 * chunk + 1, 4 * chunk + 4, TimeSpan.FromSeconds(chunk + 1));
}
