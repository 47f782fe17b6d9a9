using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>A prompt as whatever runs the ticks holds it.</summary>
public interface IPrompt : IDisposable;

/// <summary>What a prompt means to a range of blocks: cross-attention keys and values, computed once per prompt.</summary>
public sealed class PromptContext : IPrompt
{
    private readonly Tensor _store;
    private readonly (Tensor Keys, Tensor Values)[] _blocks;

    /// <param name="store">Keys and values of each block, [2 * blocks, prompts, text length, heads, head_dim]; taken over. One piece of
    /// memory, so that a prompt is copied at once.</param>
    internal PromptContext(Tensor store)
    {
        _store = store.DetachFromDisposeScope();
        _blocks = new (Tensor, Tensor)[store.size(0) / 2];
        for (var i = 0; i < _blocks.Length; i++)
            _blocks[i] = (Part(2 * i), Part(2 * i + 1));
    }

    /// <summary>One prompt per row, for rows that follow different ones.</summary>
    /// <param name="prompts">int64 [rows], indices into the prompts that were encoded together.</param>
    public PromptContext Select(Tensor prompts) => new(_store.index_select(1, prompts));

    /// <summary>[prompts, heads, text length, head_dim] each.</summary>
    internal (Tensor Keys, Tensor Values) Block(int block) => _blocks[block];

    /// <summary>The same in memory of its own.</summary>
    internal PromptContext Copy() => new(_store.clone());

    /// <summary>Becomes the same as a prompt of the same shape.</summary>
    internal void CopyFrom(PromptContext other) => _store.copy_(other._store);

    public void Dispose()
    {
        foreach (var (keys, values) in _blocks)
        {
            keys.Dispose();
            values.Dispose();
        }
        _store.Dispose();
    }

    private Tensor Part(int index)
    {
        using var part = _store.select(0, index);
        return part.transpose(1, 2).DetachFromDisposeScope();
    }
}
