using System.Globalization;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Every kind of sound goes into every container: as it is where the container takes it, else encoded again.</summary>
public sealed class ContainerSoundTests : IDisposable
{
    private static readonly string[] Containers =
        ["mp4", "mov", "m4v", "mkv", "webm", "ts", "avi", "flv", "3gp", "asf", "wmv", "nut", "ogv", "mpg", "f4v"];

    // Without TTA: FFmpeg 5.1 cannot read a piece of it that is shorter than one of its frames, a second, once it has written it itself.
    private static readonly string[] Sounds =
    [
        "aac", "libmp3lame", "mp2", "ac3", "eac3", "flac", "alac", "libopus", "libvorbis", "truehd", "dca", "wmav2", "pcm_s16le",
            "pcm_s16be",
        "pcm_s24le", "pcm_f32le", "pcm_u8", "pcm_mulaw", "pcm_alaw", "adpcm_ima_wav", "adpcm_ms", "wavpack",
    ];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("flac", "mp4")]
    [InlineData("flac", "mov")]
    [InlineData("truehd", "mp4")]
    [InlineData("libopus", "mov")]
    [InlineData("pcm_s16le", "flv")]
    [InlineData("pcm_mulaw", "flv")]
    [InlineData("ac3", "flv")]
    public void Sound_ThatItsContainerDoesNotTake_IsEncodedAgain(string sound, string container)
    {
        Check(Make(sound), sound, container);
        // FLAC in mp4 counts as an experiment until FFmpeg 6; since then it is taken as it is.
        var codec = Probe.Stream(_folder.File("out." + container), "a", "codec_name");
        Assert.True(codec == "aac" || (sound, container, codec) == ("flac", "mp4", "flac"), codec);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void EverySound_InEveryContainer_IsHeard()
    {
        var wrong = new List<string>();
        foreach (var sound in Sounds)
        {
            var input = Make(sound);
            foreach (var container in Containers)
            {
                try
                {
                    Check(input, sound, container);
                }
                catch (Exception e)
                {
                    wrong.Add($"{sound} in {container}: {e.Message.ReplaceLineEndings(" ")}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("mkv")]
    [InlineData("ts")]
    [InlineData("webm")]
    public void Sound_ThatAnEditListCutsAway_IsNotHeard(string container)
    {
        // A loud beginning that the copy without encoding cuts away: its packets are still there, the edit list hides them.
        var whole = Clip.Make(_folder.File("whole.mp4"),
            "-f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=frequency=440:sample_rate=48000 -af volume=enable='gt(t,1)':volume=0 "
                + "-t 3 -c:v libx264 -preset ultrafast -g 100 -pix_fmt yuv420p -c:a aac -b:a 64k");
        var cut = Clip.Make(_folder.File("cut.mp4"), $"-ss 1.5 -i {whole} -c copy");
        var output = _folder.File("out." + container);
        Conversion.Run(cut, output);
        var loudest = Probe.Samples(output).Max(s => Math.Abs((int)s));
        Assert.True(loudest < 500, string.Create(CultureInfo.InvariantCulture, $"{loudest} is heard"));
        Assert.InRange(Probe.Samples(output).Length / 48_000.0, 1.2, 1.8);
    }

    private string Make(string sound) => Clip.Make(
        _folder.File($"{sound}.mkv"),
        "-f lavfi -i testsrc2=size=32x32:rate=25 -f lavfi -i sine=frequency=440:sample_rate="
            + $"{(sound is "pcm_mulaw" or "pcm_alaw" ? 16000 : 48000)} -ac 2 -t 0.5 -c:v mpeg4 -strict -2 -c:a {sound}");

    private void Check(string input, string sound, string container)
    {
        var output = _folder.File("out." + container);
        File.Delete(output);
        Conversion.Run(input, output);
        Assert.True(Probe.Has(output, "a"), "there is no sound");
        var samples = Probe.Samples(output);
        Assert.True(samples.Length is > (int)(0.4 * 48_000) and < (int)(0.7 * 48_000) && samples.Max(s => Math.Abs((int)s)) > 1000,
            $"{sound}: nothing is heard");
    }
}
