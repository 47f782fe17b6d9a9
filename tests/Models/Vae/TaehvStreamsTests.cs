using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Vae;

/// <summary>Streams that share a call do not see one another.</summary>
public sealed class TaehvStreamsTests
{
    [Fact]
    public void Frames_OfSeveralStreams_ComeOutAsOfEachAlone()
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        using var source = new RandomWeightSource(4);
        using var vae = Taehv.Load(new TaehvConfig { EncoderWidths = [4, 8, 8, 12], DecoderWidths = [16, 8, 8, 8], LatentChannels = 6 },
            source, CPU, ScalarType.Float32);
        manual_seed(1);
        var clips = rand([3, 16, 3, 16, 24]);
        using var encoding = new StreamMemory(3);
        using var decoding = new StreamMemory(3);

        // Two calls, so that what is remembered between calls counts too.
        var latents = cat(
            [vae.EncodeFrames(Alternate(clips.narrow(1, 0, 8)), encoding), vae.EncodeFrames(Alternate(clips.narrow(1, 8, 8)), encoding)]);
        var frames = vae.DecodeLatents(latents, decoding);

        for (var clip = 0; clip < 3; clip++)
        {
            using var alone = new StreamMemory();
            using var back = new StreamMemory();
            var latent = vae.EncodeFrames(clips[clip], alone);
            Assert.True(latent.sub(latents.view(4, 3, 6, 2, 3).select(1, clip)).abs().max().item<float>() < 1e-5f);
            Assert.True(
                vae.DecodeLatents(latent, back).sub(frames.view(16, 3, 3, 16, 24).select(1, clip)).abs().max().item<float>() < 1e-5f);
        }
    }

    private static Tensor Alternate(Tensor clips) => clips.transpose(0, 1).flatten(0, 1);
}
