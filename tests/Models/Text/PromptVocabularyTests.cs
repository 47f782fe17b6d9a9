using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;

namespace StreamDiff.Models.Tests.Text;

/// <summary>Which words of a prompt name a style, as people write them.</summary>
public sealed class PromptVocabularyTests
{
    private static readonly PromptVocabulary Tiny = new(new ModelCatalog().Find("tiny").Config.Styles!.All.ToList());

    [Theory]
    [InlineData("a watercolor painting", "watercolor", "")]
    [InlineData("A WATERCOLOUR of a castle", "watercolor", "castle")]
    [InlineData("a dragon as an oil painting", "oil painting", "dragon")]
    [InlineData("painted in oils", "oil painting", "")]
    [InlineData("pencil sketches", "pencil sketch", "")]
    [InlineData("mosaïque, mosaics", "pixel art", "mosaïque")]
    [InlineData("pop-art!", "pop art", "")]
    [InlineData("black and white movie", "noir", "")]
    [InlineData("an architect's blueprint", "blueprint", "")]
    [InlineData("half ink and wash, half blueprint", "ink and wash|blueprint", "")]
    [InlineData("neon neon lights", "neon", "")]
    [InlineData("cartoonish", "comic book", "")]
    [InlineData("a dragon breathing fire", "fire", "dragon|breathing")]
    [InlineData("slightly watercolor in blue and gold", "slightly|watercolor|blue|gold", "")]
    [InlineData("a red car", "", "red|car")]
    [InlineData("oil", "", "oil")]
    [InlineData("🐉", "", "🐉")]
    [InlineData("水彩画", "", "水彩画")]
    [InlineData("please make it look like this", "", "")]
    [InlineData("Castle castle CASTLE", "", "Castle")]
    [InlineData("  ", "", "")]
    public void Read_Prompt_FindsStylesAndOtherWords(string prompt, string styles, string others)
    {
        var words = Tiny.Read(prompt);
        Assert.Equal(styles.Split('|', StringSplitOptions.RemoveEmptyEntries), words.Styles);
        Assert.Equal(others.Split('|', StringSplitOptions.RemoveEmptyEntries), words.Others);
    }

    [Fact]
    public void Read_EveryWordOfEveryStyle_NamesItAndNothingElse()
    {
        foreach (var style in new ModelCatalog().Find("tiny").Config.Styles!.All)
            foreach (var word in style.Words)
                Assert.Equal((style.Name, 0),
                    (string.Join('|', Tiny.Read($"a {word.ToUpperInvariant()} style").Styles), Tiny.Read(word).Others.Count));
    }
}
