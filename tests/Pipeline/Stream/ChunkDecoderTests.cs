using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Stream;

public sealed class ChunkDecoderTests
{
    [Fact]
    public void Decode_FramesOfAChunk_AreGivenAwayWhileOthersAreDecoded()
    {
        using var pool = new FramePool();
        var happened = new List<string>();
        using var decoder = new ChunkDecoder(new Slow(happened), pool);
        // Its last two frames fill the chunk up.
        using var chunk = new LatentChunk(0, zeros([1, 1, 16, 1, 1]), 0, [new FrameTiming(7, 70, 10), new FrameTiming(8, 80, 10)]);
        decoder.Decode(chunk, frame =>
        {
            happened.Add($"given {frame.Index} at {frame.Pts}");
            frame.Dispose();
        });
        Assert.Equal(["decoded 0", "given 7 at 70", "decoded 1", "given 8 at 80", "decoded 2", "decoded 3"], happened);
    }

    [Fact]
    public void Decode_WhereSomebodyIsToldOfTheWholeChunk_TellsBeforeFramesAreGivenAway()
    {
        using var pool = new FramePool();
        var happened = new List<string>();
        using var decoder = new ChunkDecoder(new Slow([]), pool) { Decoded = (_, frames) => happened.Add($"told {frames.Count}") };
        using var chunk = new LatentChunk(0, zeros([1, 1, 16, 1, 1]), 0, [new FrameTiming(0, 0, 1), new FrameTiming(1, 1, 1)]);
        decoder.Decode(chunk, frame =>
        {
            happened.Add($"given {frame.Index}");
            frame.Dispose();
        });
        Assert.Equal(["told 2", "given 0", "given 1"], happened);
    }

    private sealed class Slow(List<string> happened) : IVae, IVaeDecoder
    {
        public Device Device => CPU;

        public ScalarType Type => ScalarType.Float32;

        public IVaeEncoder OpenEncoder() => throw new NotSupportedException();

        public IVaeDecoder OpenDecoder() => this;

        public Tensor Decode(Tensor latents) => throw new NotSupportedException();

        public void DecodeInParts(Tensor latents, Action<Tensor> part)
        {
            for (var i = 0; i < 4; i++)
            {
                happened.Add($"decoded {i}");
                using var pixels = zeros([1, 1, 3, 8, 8]);
                part(pixels);
            }
        }

        public void Reset()
        {
        }

        public void Dispose()
        {
        }
    }
}
