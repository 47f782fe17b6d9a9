using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>What a prompt means to a range of blocks: cross-attention keys and values, computed once per prompt.</summary>
public sealed class PromptContext : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)[] _blocks;

    internal PromptContext((Tensor Keys, Tensor Values)[] blocks) => _blocks = blocks;

    /// <summary>[1, heads, text length, head_dim] each.</summary>
    internal (Tensor Keys, Tensor Values) Block(int block) => _blocks[block];

    public void Dispose()
    {
        foreach (var (keys, values) in _blocks)
        {
            keys.Dispose();
            values.Dispose();
        }
    }
}
