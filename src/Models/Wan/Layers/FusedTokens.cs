using StreamDiff.Models.Cuda;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// The tokens of a tick on their way through the blocks. What a layer adds is kept until the next norm, and added in the same kernel.
/// </summary>
/// <param name="kernels">Own kernels.</param>
/// <param name="tokens">[rows * tokens, dim]; changed in place.</param>
/// <param name="normal">Same shape, overwritten by every norm.</param>
/// <param name="modulation">float32 [rows, 6, dim], of the timesteps.</param>
/// <param name="dim">Width.</param>
/// <param name="tokensOfRow">Tokens of a row.</param>
internal sealed class FusedTokens(TokenKernels kernels, Tensor tokens, Tensor normal, Tensor modulation, int dim, int tokensOfRow)
    : IDisposable
{
    private Tensor? _addend;
    private Modulator _gate;

    /// <summary>Norm with scale and shift, parts of the timesteps' modulation and of the block's, float32 [1, 6, dim].</summary>
    /// <returns>[rows * tokens, dim], until the next norm.</returns>
    public Tensor Modulated(Tensor block, int shift, int scale) => Apply(new Norm(Part(block, shift), Part(block, scale), null, null));

    /// <summary>Norm with weight and bias.</summary>
    public Tensor Normed(Tensor weight, Tensor bias) => Apply(new Norm(default, default, weight, bias));

    /// <summary>Adds y; takes it over.</summary>
    public void Add(Tensor y) => Keep(y, default);

    /// <summary>Adds y times a part of the modulation; takes it over.</summary>
    public void Add(Tensor y, Tensor block, int gate) => Keep(y, Part(block, gate));

    /// <summary>Adds what has not been added yet.</summary>
    public void Finish()
    {
        if (_addend is not null)
            Apply(null);
    }

    public void Dispose() => _addend?.Dispose();

    private void Keep(Tensor y, Modulator gate)
    {
        Finish();
        (_addend, _gate) = (y.DetachFromDisposeScope(), gate);
    }

    private Tensor Apply(Norm? norm)
    {
        kernels.ResidualNorm(tokens, _addend, _gate, norm, normal, tokensOfRow);
        _addend?.Dispose();
        (_addend, _gate) = (null, default);
        return normal;
    }

    private Modulator Part(Tensor block, int part)
    {
        var offset = (ulong)(part * dim * sizeof(float));
        return new Modulator(Argument.Of(modulation) + offset, Argument.Of(block) + offset);
    }
}
