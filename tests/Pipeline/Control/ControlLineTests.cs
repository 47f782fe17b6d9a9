using CsCheck;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Tests.Control;

public sealed class ControlLineTests
{
    public static TheoryData<string, ControlChange> Lines() => new()
    {
        { "prompt \"an oil painting\"", new PromptChange("an oil painting") },
        { "  PROMPT   \"a # b\"  blend 8   # slowly", new PromptChange("a # b", 8) },
        { "prompt \"say \\\"hi\\\" \\\\ there\" blend 3 spherical", new PromptChange("say \"hi\" \\ there", 3, BlendKind.Spherical) },
        { "prompt \"\" blend 2 linear", new PromptChange("", 2) },
        { "prompt \"x\" blend 2.5s ease", new PromptChange("x") { Over = new(2.5, LengthUnit.Seconds), Easing = Easing.InOut } },
        { "prompt \"x\" blend 4beats spherical", new PromptChange("x", 1, BlendKind.Spherical) { Over = new(4, LengthUnit.Beats) } },
        { "preset neon blend 8", new PresetChange("neon", Glide.Of(8)) },
        { "preset \"old film\"", new PresetChange("old film") },
        { "noise 0.4", new NoiseScaleChange(0.4) },
        { "noise 0.4 blend 1", new NoiseScaleChange(0.4) },
        { "noise 0.4 blend 8 ease-in", new NoiseScaleChange(0.4) { Glide = Glide.Of(8, Easing.In) } },
        { "lora ink 0.5 blend 2s ease-out", new LoraChange("ink", 0.5) { Glide = new(new(2, LengthUnit.Seconds), Easing.Out) } },
        { "seed next", new SeedStepChange() },
        { "seed next -3", new SeedStepChange(-3) },
        { "tempo 92.5 now", new TempoChange(92.5, true) },
        { "tempo 92.5 beat 17.25", new TempoChange(92.5) { Beat = 17.25 } },
        { "tap", new TapChange() },
        { "quantize 4", new QuantizeChange(4) },
        { "quantize off", new QuantizeChange(0) },
        { "steps 3", new StepsChange(3) },
        { "seed -7", new SeedChange(-7) },
        { "sinks 2", new SinksChange(2) },
        { "sinks 2 threshold 0.3", new SinksChange(2, 0.3) },
        { "sinks threshold off", new SinksChange(null, -1) },
        { "mix 0.5 blend 4", new MixChange(0.5) { Glide = Glide.Of(4) } },
        { "loopback 0.5", new LoopbackChange(0.5) },
        { "loopback 0.5 delay 8 blend 2", new LoopbackChange(0.5, 8) { Glide = Glide.Of(2) } },
        { "region off", new RegionChange(null) },
        { "region rect 0.1 0.2 0.3 0.4 exact", new RegionChange(new(RegionShape.Rectangle, 0.1, 0.2, 0.3, 0.4) { IsExact = true }) },
        {
            "region ellipse 0.5 0.5 0.2 0.3 feather 0 inside 0.8 outside 0.2",
            new RegionChange(new(RegionShape.Ellipse, 0.5, 0.5, 0.2, 0.3) { Feather = 0, Inside = 0.8, Outside = 0.2 })
        },
        { "region mask \"my mask.mp4\" hold outside 0.2 exact",
            new RegionFollowChange("my mask.mp4", new(RegionShape.Map) { Outside = 0.2, IsExact = true }, IsHeld: true) },
        { "region face feather 0.2", new RegionFollowChange(null, new(RegionShape.Ellipse) { Feather = 0.2 }) },
        { "region map 2x1x2 AP8A/w==", new RegionChange(new(RegionShape.Map) { MapSize = (2, 1), Frames = 2, Map = "AP8A/w==" }) },
        { "region map 2x1 AP8=", new RegionChange(new(RegionShape.Map) { MapSize = (2, 1), Map = "AP8=" }) },
        { "key 00ff00 tolerance 0.3", new KeyChange(new(0x00ff00, 0.3)) },
        { "key off", new KeyChange(null) },
        { "pause", new PauseChange(true) },
        { "resume", new PauseChange(false) },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void Parse_Change_IsRead(string line, ControlChange change) => Assert.Equal(change, ControlLine.ParseChange(line));

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("# prompt \"x\"")]
    public void Parse_NothingOrComment_IsNull(string line) => Assert.Null(ControlLine.Parse(line));

    [Fact]
    public void Parse_HelpAndQuit_AreCommands()
    {
        Assert.IsType<ControlCommand.Help>(ControlLine.Parse("help"));
        Assert.IsType<ControlCommand.Quit>(ControlLine.Parse("quit"));
        Assert.Throws<FormatException>(() => ControlLine.ParseChange("quit"));
    }

    [Theory]
    [InlineData("prmpt \"x\"", "unknown command 'prmpt': there are prompt,")]
    [InlineData("prompt a watercolor", "prompt needs its text in double quotes")]
    [InlineData("prompt \"open", "a text in quotes is not closed")]
    [InlineData("prompt \"x\" blend", "blend, a whole number from 1 to 10000, is missing")]
    [InlineData("prompt \"x\" blend 0", "blend must be a whole number from 1 to 10000, not '0'")]
    [InlineData("prompt \"x\" blend 4 cubic", "'cubic' is not understood after prompt")]
    [InlineData("noise", "noise, a number from 0.1 to 1, is missing")]
    [InlineData("noise 1.5", "noise must be a number from 0.1 to 1, not '1.5'")]
    [InlineData("noise NaN", "noise must be a number from 0.1 to 1, not 'NaN'")]
    [InlineData("steps 5", "steps must be a whole number from 1 to 4, not '5'")]
    [InlineData("seed 99999999999999999999", "seed must be a whole number")]
    [InlineData("sinks", "sinks needs a number of frames or a threshold")]
    [InlineData("sinks two", "sinks must be a whole number")]
    [InlineData("region circle 1 1", "a region is rect, ellipse, map, mask, face or off, not 'circle'")]
    [InlineData("region map 2x2 AP8=", "a map of 2x2 has 4 bytes in Base64")]
    [InlineData("region map 200x2 AP8=", "a map has 1x1 to 96x96 places, and x64 frames at most")]
    [InlineData("region map 2x2 packed AP8=", "a map of 2x2 has 4 bytes in Base64, deflated")]
    [InlineData("region mask", "a mask, such as a file, is missing")]
    [InlineData("region rect 0 0 1 1 soft", "'soft' is not understood after region")]
    [InlineData("key green", "a colour is six hexadecimal digits")]
    [InlineData("loopback 0.5 delay 2", "delay must be a whole number from 5 to 64")]
    [InlineData("pause now", "'now' is not understood after pause")]
    public void Parse_Wrong_SaysWhyInOneLine(string line, string reason)
    {
        var error = Assert.Throws<FormatException>(() => ControlLine.Parse(line));
        Assert.StartsWith(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Parse_TooLong_IsRefused() =>
        Assert.Contains("characters",
            Assert.Throws<FormatException>(() => ControlLine.Parse("prompt \"" + new string('x', 100_000) + "\"")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Format_AnyChange_IsReadBackAsItself() =>
        Changes.Sample(change => Assert.Equal(change, ControlLine.ParseChange(ControlLine.Format(change))));

    [Fact]
    public void Parse_AnyText_IsReadOrRefused() => Gen.String.Sample(text =>
    {
        try
        {
            _ = ControlLine.Parse(text);
        }
        catch (FormatException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    });

    private static Gen<ControlChange> Changes { get; } = Gen.OneOf(
        Gen.Select(Gen.String[Gen.Char[' ', '~'], 0, 60], Gen.Int[1, 99], Gen.Bool,
            (text, n, s) => (ControlChange)new PromptChange(text, n, s && n > 1 ? BlendKind.Spherical : BlendKind.Linear)),
        Gen.Double[0.1, 1].Select(x => (ControlChange)new NoiseScaleChange(x)),
        Gen.Int[1, 4].Select(n => (ControlChange)new StepsChange(n)),
        Gen.Long.Select(n => (ControlChange)new SeedChange(n)),
        Gen.Select(Gen.Int[0, 20], Gen.Double[-1, 1], (n, t) => (ControlChange)new SinksChange(n, t)),
        Gen.Bool.Select(p => (ControlChange)new PauseChange(p)));
}
