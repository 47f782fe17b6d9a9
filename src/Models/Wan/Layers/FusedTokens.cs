using StreamDiff.Models.Cuda;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// The tokens of a tick on their way through the blocks. What a layer adds is kept until the next norm, and added in the same kernel.
/// </summary>
/// <param name="kernels">Own kernels.</param>
/// <param name="tokens">[rows * tokens, dim]; changed in place.</param>
/// <param name="normal">Same shape, overwritten by every norm of a layer that is not in float8.</param>
/// <param name="narrow">The same for layers in float8; without scales where there are none.</param>
/// <param name="modulation">float32 [rows, 6, dim], of the timesteps.</param>
/// <param name="dim">Width.</param>
/// <param name="tokensOfRow">Tokens of a row.</param>
internal sealed class FusedTokens(
    TokenKernels kernels, Tensor tokens, Tensor normal, LayerInput narrow, Tensor modulation, int dim, int tokensOfRow) : IDisposable
{
    private Tensor? _addend;
    private Modulator _gate;

    /// <summary>Of the activations: float32 or bfloat16.</summary>
    public ScalarType Type => tokens.dtype;

    /// <summary>True while the layers that are given what comes from here are in float8.</summary>
    public bool InFloat8 { get; set; }

    /// <summary>Norm with scale and shift, parts of the timesteps' modulation and of the block's, float32 [1, 6, dim].</summary>
    /// <returns>[rows * tokens, dim], until the next norm.</returns>
    public LayerInput Modulated(Tensor block, int shift, int scale) =>
        Apply(new Norm(Part(block, shift), Part(block, scale), null, null));

    /// <summary>Norm with weight and bias.</summary>
    public LayerInput Normed(Tensor weight, Tensor bias) => Apply(new Norm(default, default, weight, bias));

    /// <summary>Something else, [rows * tokens, columns], as these layers want it, for the caller's dispose scope.</summary>
    /// <param name="x">What it is.</param>
    /// <param name="gelu">GELU (by tanh) of it; layers in float8 only.</param>
    public LayerInput Ready(Tensor x, bool gelu = false) => InFloat8 ? kernels.QuantiseRows(x, gelu) : x;

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

    private LayerInput Apply(Norm? norm)
    {
        var to = InFloat8 ? narrow : normal;
        kernels.ResidualNorm(tokens, _addend, _gate, norm, to, tokensOfRow);
        _addend?.Dispose();
        (_addend, _gate) = (null, default);
        return to;
    }

    private Modulator Part(Tensor block, int part)
    {
        var offset = (ulong)(part * dim * sizeof(float));
        return new Modulator(Argument.Of(modulation) + offset, Argument.Of(block) + offset);
    }
}
