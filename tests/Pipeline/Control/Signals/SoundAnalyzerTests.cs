using StreamDiff.Pipeline.Control.Signals;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Control.Signals;

public sealed class SoundAnalyzerTests
{
    [Theory]
    [InlineData(80, 1)]
    [InlineData(600, 2)]
    [InlineData(6000, 3)]
    public void Add_Tone_IsInItsBand(double frequency, int band)
    {
        var heard = Hear(2, t => 0.5 * Math.Sin(2 * Math.PI * frequency * t)).Last();
        float[] bands = [heard.Level, heard.Bass, heard.Mid, heard.Treble];
        // Half of full scale, as the root of the mean square: -9 dB, so 0.85 of the way from -60 to 0.
        Assert.InRange(heard.Level, 0.83, 0.87);
        Assert.Equal(band, Enumerable.Range(1, 3).MaxBy(i => bands[i]));
        Assert.All(Enumerable.Range(1, 3).Where(i => i != band), i => Assert.True(bands[i] < bands[band] - 0.1));
    }

    [Fact]
    public void Add_SilenceAndNoise_HasNoOnsetBesidesItsBeginning()
    {
        Assert.DoesNotContain(Hear(5, _ => 0), f => f.IsOnset || f.IsBeat || f.Level > 0);
        var random = new Random(1);
        Assert.InRange(Hear(10, _ => 0.2 * (random.NextDouble() - 0.5)).Count(f => f.IsOnset), 0, 2);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(120)]
    [InlineData(150)]
    public void Add_Clicks_AreOnsetsAndBeatsWithinAFiftieth(double bpm)
    {
        var period = 60 / bpm;
        var heard = Hear(20, t => (t + 0.2) % period < 0.03 ? 0.6 * Math.Sin(2 * Math.PI * 900 * t) : 0);
        var onsets = heard.Where(f => f.IsOnset).ToList();
        Assert.InRange(onsets.Count, 20 / period - 2, 20 / period + 2);
        Assert.All(onsets, f => Assert.InRange(Away(f), 0, 0.02));
        // From the moment at which there is a tempo there is one for each.
        var beats = heard.Where(f => f.IsBeat && f.Time > TimeSpan.FromSeconds(5)).ToList();
        Assert.InRange(beats.Count, 15 / period - 2, 15 / period + 2);
        Assert.All(beats, f => Assert.InRange(Away(f), 0, 0.03));

        double Away(SoundFeatures f)
        {
            var place = (f.Time.TotalSeconds + 0.2) % period;
            return Math.Min(place, period - place);
        }
    }

    [Fact]
    public void Add_BeatThatIsLeftOut_IsKnown()
    {
        var heard = Hear(20, t => t % 0.5 < 0.03 && (int)(t / 0.5) % 8 != 7 ? 0.6 * Math.Sin(2 * Math.PI * 900 * t) : 0);
        Assert.InRange(heard.Count(f => f.IsBeat && f.Time > TimeSpan.FromSeconds(6)), 27, 29);
    }

    [Fact]
    public void Hear_NobodyWants_NothingIsAnalysed()
    {
        var signals = new SoundSignals();
        signals.Add(new SoundBlock(0, new float[9600]), TimeSpan.Zero);
        signals.Want();
        signals.Add(Block(0, 0.1, t => Math.Sin(2 * Math.PI * 80 * t)), TimeSpan.FromSeconds(1));
        signals.Hear(TimeSpan.FromSeconds(1.05));
        Assert.InRange(signals.Read("bass")!.Value, 0.5, 1);
        Assert.Equal(1, signals.Read("onset"));
        // What comes late is heard with the next chunk; what happens once does so once.
        signals.Hear(TimeSpan.FromSeconds(1.2));
        Assert.Equal(0, signals.Read("onset"));
        Assert.Null(signals.Read("loudness"));
    }

    private static List<SoundFeatures> Hear(double seconds, Func<double, double> sound)
    {
        var analyzer = new SoundAnalyzer();
        var heard = new List<SoundFeatures>();
        // In blocks of a codec, which pieces do not keep to.
        for (var at = 0.0; at < seconds; at += 1024.0 / SoundBlock.Rate)
            heard.AddRange(analyzer.Add(Block(at, 1024.0 / SoundBlock.Rate, sound), TimeSpan.FromSeconds(at)));
        return heard;
    }

    private static SoundBlock Block(double at, double seconds, Func<double, double> sound)
    {
        var count = (int)Math.Round(seconds * SoundBlock.Rate);
        var samples = new float[2 * count];
        for (var i = 0; i < count; i++)
            samples[2 * i] = samples[2 * i + 1] = (float)sound(at + (double)i / SoundBlock.Rate);
        return new SoundBlock(0, samples);
    }
}
