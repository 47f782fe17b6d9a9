using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// Regions of one stream as maps over latents: drawn and brought to the device once for all chunks that have the same. For one thread.
/// </summary>
internal sealed class Regions : IDisposable
{
    private RegionMap? _region;
    private Tensor? _strength;

    /// <summary>
    /// How strongly each place of [1, f, 16, h, w] is repainted: its share of the stream's noise, and of what the model makes of it.
    /// </summary>
    /// <param name="region">Null for everywhere.</param>
    /// <param name="latents">The chunk's.</param>
    /// <param name="device">Where it is wanted.</param>
    /// <returns>float32 [1, 1 or f, 1, h, w], of the caller's scope; null for everywhere.</returns>
    public Tensor? Strength(RegionMap? region, Tensor latents, Device device)
    {
        if (region is null || !region.Equals(_region) || _strength is null || _strength.size(3) != latents.size(3)
            || _strength.size(4) != latents.size(4) || (_strength.size(1) != 1 && _strength.size(1) != latents.size(1)))
        {
            _strength?.Dispose();
            (_region, _strength) = (region, region is null ? null : Draw(region, latents, device));
        }
        return _strength?.alias();
    }

    public void Dispose() => _strength?.Dispose();

    private static Tensor Draw(RegionMap region, Tensor latents, Device device)
    {
        var (count, height, width) = ((int)latents.size(1), (int)latents.size(3), (int)latents.size(4));
        var drawn = Enumerable.Range(0, region.Frames).Select(f => region.Drawn(width, height, f)).ToList();
        var all = region.Frames == 1 ? 1 : count;
        var values = new float[all * width * height];
        for (var latent = 0; latent < all; latent++)
        {
            var (first, last) = FramesOf(latent, all, region.Frames);
            for (var at = 0; at < width * height; at++)
            {
                var covers = 0f;
                for (var frame = first; frame <= last; frame++)
                    covers += drawn[frame][at];
                values[latent * width * height + at] =
                    (float)(region.Outside + (region.Inside - region.Outside) * covers / (last - first + 1));
            }
        }
        using var scope = NewDisposeScope();
        return tensor(values, [1, all, 1, height, width]).to(device).DetachFromDisposeScope();
    }

    // The first latent frame of a stream is one frame, all others four; elsewhere maps are spread evenly.
    private static (int First, int Last) FramesOf(int latent, int latents, int maps)
    {
        if (maps == 1 + (latents - 1) * Chunker.FramesPerLatent)
            return latent == 0 ? (0, 0) : (1 + (latent - 1) * Chunker.FramesPerLatent, latent * Chunker.FramesPerLatent);
        var first = latent * maps / latents;
        return (first, Math.Max(first, (latent + 1) * maps / latents - 1));
    }
}
