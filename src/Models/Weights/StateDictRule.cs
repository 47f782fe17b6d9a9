namespace StreamDiff.Models.Weights;

/// <summary>Where in a checkpoint the weights are, and what their names carry in front.</summary>
public sealed record StateDictRule
{
    /// <summary>Weights under one of the usual keys or at top level, names as stored. The default.</summary>
    public static StateDictRule AsStored { get; } = new();

    /// <summary>
    /// For the diffusion transformer: as <see cref="AsStored"/>, and a leading <c>model.</c> that some training code leaves in the names is
    /// removed.
    /// </summary>
    public static StateDictRule Transformer { get; } = new() { Prefix = "model." };

    /// <summary>
    /// Keys of a pickle's top-level dictionary that may hold the weights; the first that does is taken, and the top level itself where none
    /// does.
    /// Default: generator, generator_ema, state_dict, model. Without a meaning for safetensors, which know no nesting.
    /// </summary>
    public IReadOnlyList<string> Keys { get; init; } = ["generator", "generator_ema", "state_dict", "model"];

    /// <summary>Removed from the start of those names that have it. Default: nothing.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The same tensors under the names that callers see.</summary>
    /// <exception cref="ModelException">Two names become the same one.</exception>
    internal OrderedDictionary<string, MappedTensor> Rename(string path, OrderedDictionary<string, MappedTensor> tensors)
    {
        if (Prefix.Length == 0)
            return tensors;
        var renamed = new OrderedDictionary<string, MappedTensor>(tensors.Count, StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            var bare = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
            if (!renamed.TryAdd(bare, tensor))
                throw new ModelException(
                    $"{path} holds both '{Printable.Of(bare)}' and '{Prefix}{Printable.Of(bare)}': it is unclear which one to load");
        }
        return renamed;
    }
}
