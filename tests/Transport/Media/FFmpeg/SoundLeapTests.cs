using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Recordings one after the other, in one file or live, and recordings with holes: sound stays beside its pictures.</summary>
public sealed class SoundLeapTests : IDisposable
{
    private const double Frame = 0.04;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ts", 0, 100)]
    [InlineData("ts", 100, 0)]
    [InlineData("ts", 0, 0)]
    [InlineData("mpg", 0, 100)]
    public void Read_TimesLeap_SoundGoesOnBesideThePictures(string kind, int first, int second)
    {
        var both = Both(kind, first, second);

        var read = Reading.Of(both);

        Assert.InRange(read.Seconds[^1], 3.8, 4.2);
        AssertSteady(read, until: 4);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(100, 0)]
    public void Read_TimesOfALiveSourceLeap_SoundGoesOnBesideThePictures(int first, int second)
    {
        var both = Both("ts", first, second);

        var read = Live(both);

        Assert.InRange(read.Seconds[^1], 3.8, 4.2);
        AssertSteady(read, until: 4);
    }

    [Fact]
    public void Read_OnlyASpanOfIt_HasTheSoundOfTheSpan()
    {
        var both = Both("ts", 0, 100);

        var read = Reading.Of(new VideoSourceOptions { Input = both, Duration = TimeSpan.FromSeconds(3) });

        AssertSteady(read, until: 3);
    }

    [Fact]
    public void Run_TimesLeap_TheOutputHasAllSound()
    {
        var both = Both("ts", 0, 100);

        Conversion.Run(both, _folder.File("out.mp4"));

        var times = Probe.SoundTimes(_folder.File("out.mp4"));
        Assert.InRange(times[^1], 3.7, 4.2);
        var steps = times.Zip(times.Skip(1), (a, b) => b - a).ToList();
        Assert.InRange(steps.Max(), 0, 0.15);
        // Nothing is crowded into one moment, but for what the second recording's encoder puts before its beginning.
        Assert.InRange(steps.Count(s => s < 0.01), 0, 1);
    }

    [Fact]
    public void Read_PicturesAreMissingForLongWhileSoundGoesOn_BothKeepTheirTimes()
    {
        var file = Clip.Make(
            _folder.File("hole.ts"),
            "-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine=sample_rate=48000 -vf select=lt(t\\,1)+gt(t\\,13) -vsync 0 -t 14"
                + " -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -c:a aac -pes_payload_size 16");

        foreach (var read in (Reading[])[Reading.Of(file), Live(file)])
        {
            Assert.InRange(read.Seconds[^1], 13.8, 14.2);
            AssertSteady(read, until: 14);
        }
    }

    private static Reading Live(string file) => Reading.Of(
        new VideoSourceOptions { Input = "udp://127.0.0.1:1" },
        options => new LiveSource(
            options,
            InputFile.Open(options, new LiveInput(LiveInputSettings.For(MediaAddress.Parse(options.Input)), new FileBytes(file)),
                CancellationToken.None),
            mayWait: true, waiting: null, CancellationToken.None));

    private string Both(string kind, int first, int second)
    {
        var parts = new[] { first, second }.Select((start, i) => File.ReadAllBytes(Clip.Make(
            _folder.File($"{i}.{kind}"),
            "-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine=sample_rate=48000 -t 2"
                // Pictures that are decoded late, and sound that is stored early.
                + (kind == "ts"
                    ? " -c:v libx264 -preset veryfast -bf 8 -x264-params b-adapt=0 -pix_fmt yuv420p -c:a aac -pes_payload_size 16"
                    : " -c:v mpeg2video -bf 2 -c:a mp2")
                + $" -output_ts_offset {start}")));
        File.WriteAllBytes(_folder.File($"both.{kind}"), [.. parts.SelectMany(p => p)]);
        return _folder.File($"both.{kind}");
    }

    private static void AssertSteady(Reading read, double until)
    {
        var sound = read.SoundTimes.ConvertAll(t => t.TotalSeconds);
        Assert.InRange(sound[0], -0.2, 0.2);
        Assert.InRange(sound[^1], until - 0.2, until + 0.2);
        // The recordings' own sound may be a little shorter or longer than their pictures.
        Assert.All(sound.Zip(sound.Skip(1)), t => Assert.InRange(t.Second - t.First, -Frame, 0.15));
    }
}
