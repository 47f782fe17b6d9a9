using StreamDiff.Models.Vae;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Frames of one stream to latents, and how much they move.</summary>
public sealed class ChunkEncoder(IVae vae) : IChunkEncoder
{
    // In units of [-1, 1] pixels: two pictures that have nothing to do with each other differ by 0.4 and more.
    private const double LeastCut = 0.25;
    private const double MostUsual = 4;

    private readonly IVaeEncoder _encoder = vae.OpenEncoder();
    private readonly List<FrameTiming> _prepared = [];
    private readonly FrameMotion _motion = new();
    private readonly UsualMotion _usual = new();

    /// <summary>Frames are brought to this size first; null leaves them as they are.</summary>
    internal (int Width, int Height)? Size { get; init; }

    public void Prepare(VideoFrame picture, bool isFirst)
    {
        if (isFirst)
            Discard();
        picture.ExtendContent();
        using var pixels = Pixels([picture]);
        _encoder.Prepare(pixels);
        _prepared.Add(FrameTiming.Of(picture));
    }

    public LatentChunk Encode(FrameChunk chunk)
    {
        // Whoever gave them may have left some of them out since.
        if (!chunk.Timing.Take(_prepared.Count).SequenceEqual(_prepared))
            Discard();
        // A hard black edge would be painted as part of the picture, and spoil what is beside it: the networks see the picture continued
        // instead. The decoder makes the bars again.
        foreach (var frame in chunk.Frames)
            frame.ExtendContent();
        var motion = _motion.Measure(chunk.Frames);
        using var pixels = Pixels([.. chunk.Frames.Skip(_prepared.Count)]);
        _prepared.Clear();
        var look = PictureLook.Of(chunk.Frames[^1]);
        var usual = _usual.Next(motion);
        return new LatentChunk(chunk.Index, _encoder.Encode(pixels).DetachFromDisposeScope(), motion, chunk.Timing)
        {
            Look = look,
            IsCut = motion > LeastCut && motion > MostUsual * usual,
        };
    }

    public void Dispose() => _encoder.Dispose();

    private Tensor Pixels(IReadOnlyList<VideoFrame> frames)
    {
        var pixels = FrameTensors.ToPixels(frames, vae.Device, vae.Type);
        if (FrameTensors.Resized(pixels, Size) is not { } sized)
            return pixels;
        pixels.Dispose();
        return sized;
    }

    private void Discard()
    {
        _encoder.Discard();
        _prepared.Clear();
    }

    // Of the chunks before, a second or so; a cut is not usual.
    private sealed class UsualMotion
    {
        private double _mean;

        public double Next(double motion)
        {
            var before = _mean;
            _mean += (Math.Min(motion, LeastCut) - _mean) / 8;
            return before;
        }
    }
}
