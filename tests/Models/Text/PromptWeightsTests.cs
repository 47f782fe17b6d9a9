using StreamDiff.Models.Text;

namespace StreamDiff.Models.Tests.Text;

public sealed class PromptWeightsTests
{
    [Theory]
    [InlineData("a (neon:1.3) street", "a neon street", "neon", 1.3)]
    [InlineData("(neon lights:0)", "neon lights", "neon lights", 0)]
    public void Read_Weight_IsTakenOutOfTheText(string prompt, string plain, string part, double weight)
    {
        var (text, parts) = PromptWeights.Read(prompt);
        var (start, end, counted) = Assert.Single(parts);
        Assert.Equal((plain, part, weight), (text, text[start..end], counted));
    }

    [Theory]
    [InlineData("a (small) street")]
    [InlineData("at (12:30)")]
    [InlineData("(neon:5)")]
    [InlineData("(neon:-1)")]
    [InlineData("((neon:)")]
    public void Read_NoWeight_StaysText(string prompt)
    {
        var (plain, parts) = PromptWeights.Read(prompt);
        Assert.Equal((prompt, 0), (plain, parts.Count));
    }
}
