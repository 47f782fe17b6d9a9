namespace StreamDiff.Repository.Tests.Architecture;

public sealed class ArchitecturePictureTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public void Picture_InTheDocumentation_IsThatOfTheCode() =>
        Assert.True(
            File.ReadAllText(ArchitecturePicture.File) == ArchitecturePicture.Draw(CodeMap.Of.Uses),
            "docs/images/architecture.svg is older than the code: run scripts/architecture");

    [Fact]
    public void Picture_OfUses_ShowsFoldersAndNoLineThatOthersImply()
    {
        var layers = new Layering(["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("a", "c"), ("b", "d"), ("d", "b")]);
        Assert.Equal(["a", "b d", "c"], layers.Groups.Select(g => string.Join(' ', g)));
        Assert.Equal([(0, 1), (1, 2)], layers.Arrows);
        Assert.Equal([0, 1, 2], layers.Rows.Select(r => Assert.Single(r)));
    }
}
