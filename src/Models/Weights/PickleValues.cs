using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A dictionary as pickled: pairs in order, the last of a key counting. Keys are not hashed, so that no file can be made to collide;
/// whoever needs a lookup builds one over text.
/// </summary>
internal sealed class PickleDict
{
    public List<(object? Key, object? Value)> Items { get; } = [];

    /// <summary>The value under a text key, or null.</summary>
    public object? this[string key] => Items.FindLast(i => i.Key is string text && text == key).Value;
}

/// <summary>A name that the pickle refers to and that is on the white list.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>The result of something harmless that is not needed: a device, a set. Nothing of it is kept but its name.</summary>
internal sealed record PickleOpaque(string Name);

/// <summary>Bytes of a tensor, still without a shape.</summary>
/// <param name="Offset">In the file, in bytes.</param>
/// <param name="Type">Null where the storage itself has none (torch.UntypedStorage).</param>
/// <param name="Bytes">Length.</param>
internal sealed record PickleStorage(long Offset, ScalarType? Type, long Bytes);
