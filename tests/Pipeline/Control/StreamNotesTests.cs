using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Pipeline.Control;

namespace StreamDiff.Pipeline.Tests.Control;

/// <summary>What a user is told of prompts, noise and steps.</summary>
public sealed class StreamNotesTests
{
    private const string List = "'streamdiff models show tiny' lists the styles that it knows";
    private static readonly ModelConfig Tiny = new ModelCatalog().Find("tiny").Config;
    private readonly List<StreamNote> _told = [];

    [Theory]
    [InlineData("a watercolor", "watercolor", "", "watercolor", false, "tiny takes 'a watercolor' for watercolor")]
    [InlineData("a dragon in oil", "oil painting", "dragon", "oil painting", false,
        "tiny takes 'a dragon in oil' for oil painting; it knows no 'dragon'")]
    [InlineData("ink, neon", "neon|ink and wash", "", "ink and wash|neon", false, "tiny takes 'ink, neon' for ink and wash and neon")]
    [InlineData("a dragon", "", "dragon", "pixel mosaic", true, "tiny knows no word of 'a dragon' and takes it for pixel mosaic: " + List)]
    [InlineData("a knight", "", "knight", "", true, "tiny knows no word of 'a knight' and leaves the picture nearly as it is: " + List)]
    [InlineData("snow", "winter", "", "", true,
        "'snow' names winter, but tiny leaves the picture nearly as it is: fewer other words make it clearer; " + List)]
    public void Read_Prompt_TellsOnceWhatItIsTakenFor(string prompt, string named, string others, string taken, bool isTrouble, string says)
    {
        var notes = new StreamNotes("tiny", Tiny, "", _told.Add);
        var reading = new PromptReading(prompt, false, new PromptWords(Split(named), Split(others)), Split(taken));
        notes.Read(reading);
        notes.Read(reading);
        Assert.Equal([new StreamNote(says, isTrouble)], _told);
    }

    [Fact]
    public void Read_ModelWithoutAListOfStyles_TellsOfLengthOnly()
    {
        var large = new ModelCatalog().Find("wan2.1-t2v-1.3b-streamdiffusionv2").Config;
        var notes = new StreamNotes("large", large, "", _told.Add);
        notes.Read(new PromptReading("a dragon", false, null, []));
        Assert.Empty(_told);
        notes.Read(new PromptReading("a dragon", true, null, []));
        Assert.Equal("the prompt 'a dragon' is longer than the model reads: its end had no effect", Assert.Single(_told).Text);
    }

    [Theory]
    [InlineData(0.25, null)]
    [InlineData(0.45, null)]
    [InlineData(0.1, "noise 0.1 is too little for tiny: the style may not come; 0.25 to 0.45 is of use")]
    [InlineData(0.8, "noise 0.8 is too much for tiny: the picture is lost in it; 0.25 to 0.45 is of use")]
    public void Changed_Noise_TellsWhatIsOutOfTheModelsRange(double scale, string? says) => Changed(new NoiseScaleChange(scale), says);

    [Theory]
    [InlineData(1, null)]
    [InlineData(2, null)]
    [InlineData(4, "4 steps are no better than 2 with tiny and take longer; 1 to 2 are of use")]
    public void Changed_Steps_TellsWhatIsOutOfTheModelsRange(int steps, string? says) => Changed(new StepsChange(steps), says);

    private void Changed(ControlChange change, string? says)
    {
        new StreamNotes("tiny", Tiny, "", _told.Add).Changed(change);
        Assert.Equal(says is null ? [] : [says], _told.Select(t => t.Text));
    }

    private static string[] Split(string names) => names.Split('|', StringSplitOptions.RemoveEmptyEntries);
}
