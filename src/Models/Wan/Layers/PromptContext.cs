using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>A prompt as whatever runs the ticks holds it.</summary>
public interface IPrompt : IDisposable;

/// <summary>What a prompt means to a range of blocks: cross-attention keys and values, computed once per prompt.</summary>
public sealed class PromptContext : IPrompt
{
    private readonly (Tensor Keys, Tensor Values)[] _blocks;

    internal PromptContext((Tensor Keys, Tensor Values)[] blocks) => _blocks = blocks;

    /// <summary>One prompt per row, for rows that follow different ones.</summary>
    /// <param name="prompts">int64 [rows], indices into the prompts that were encoded together.</param>
    public PromptContext Select(Tensor prompts) =>
        new(Array.ConvertAll(_blocks,
            b => (b.Keys.index_select(0, prompts).DetachFromDisposeScope(), b.Values.index_select(0, prompts).DetachFromDisposeScope())));

    /// <summary>[prompts, heads, text length, head_dim] each.</summary>
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
