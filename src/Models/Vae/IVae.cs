using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// Weights of a causal video VAE with 8 x 8 spatial and 4 x temporal compression. All memory of a stream lies in its encoder and decoder.
/// </summary>
public interface IVae : IDisposable
{
    Device Device { get; }

    ScalarType Type { get; }

    /// <summary>What its layers are computed with, for reports.</summary>
    string Kernels => "operators of ATen";

    /// <summary>
    /// True where <see cref="IVaeEncoder.Prepare"/> does part of a chunk's work before its last picture is there. Default false.
    /// </summary>
    bool TakesPictures => false;

    /// <summary>A new stream's encoder.</summary>
    IVaeEncoder OpenEncoder();

    /// <summary>A new stream's decoder.</summary>
    IVaeDecoder OpenDecoder();
}

/// <summary>Encodes one stream, chunk after chunk.</summary>
public interface IVaeEncoder : IDisposable
{
    /// <summary>
    /// Pixels [1, F, 3, H, W] in [-1, 1] to float32 latents [1, f, 16, H/8, W/8]: first F = 1 + 4k frames give f = 1 + k, later 4k give k.
    /// </summary>
    /// <exception cref="ArgumentException">Another number of frames, or a size that is not a multiple of 8.</exception>
    Tensor Encode(Tensor pixels);

    /// <summary>
    /// Takes the next chunk's first pictures before the others are there; <see cref="Encode"/> is then given those that follow. Latents
    /// are the same, bit for bit, as if it had been given all.
    /// </summary>
    /// <param name="pixels">[1, n, 3, H, W] in [-1, 1]; at least one picture of the chunk must be left.</param>
    /// <exception cref="NotSupportedException">The VAE does not take pictures (<see cref="IVae.TakesPictures"/>).</exception>
    void Prepare(Tensor pixels) => throw new NotSupportedException("this autoencoder takes whole chunks");

    /// <summary>Forgets the pictures prepared since the last chunk, as if they had never been there.</summary>
    void Discard()
    {
    }

    /// <summary>Forgets the stream: the next chunk is a first one.</summary>
    void Reset();
}

/// <summary>Decodes one stream, chunk after chunk.</summary>
public interface IVaeDecoder : IDisposable
{
    /// <summary>
    /// Latents [1, f, 16, h, w] to float32 pixels [1, F, 3, 8h, 8w] around [-1, 1], not clamped: the first call gives 1 + 4(f-1) frames,
    /// later ones 4f.
    /// </summary>
    Tensor Decode(Tensor latents);

    /// <summary>The same frames in several parts, each given away as soon as it is there; or all at once.</summary>
    /// <param name="latents">As for <see cref="Decode"/>.</param>
    /// <param name="part">Takes pixels [1, n, 3, 8h, 8w], which it does not keep.</param>
    void DecodeInParts(Tensor latents, Action<Tensor> part)
    {
        using var all = Decode(latents);
        part(all);
    }

    /// <summary>Forgets the stream: the next chunk is a first one.</summary>
    void Reset();
}
