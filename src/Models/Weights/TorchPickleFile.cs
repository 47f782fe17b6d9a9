using System.Text;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A checkpoint of torch.save (torch 1.6 and newer): an uncompressed zip archive with one pickle, which describes the objects, and one
/// entry a storage.
/// The pickle is read as data with a white list of names; nothing in it is ever executed.
/// </summary>
public sealed class TorchPickleFile : CheckpointFile
{
    private const string PickleName = "data.pkl";
    // A thousand tensors make 150 kB. Objects made from a pickle take many times its size.
    private const long LongestPickle = 4 << 20;

    private TorchPickleFile(MappedFile file, object? content, OrderedDictionary<string, MappedTensor> tensors)
        : base(file.Path, [file], tensors) => Content = content;

    /// <summary>Everything the pickle holds, in the forms that <see cref="PickleMachine.Run"/> lists.</summary>
    internal object? Content { get; }

    /// <summary>Opens a file, reads its pickle and finds the state dict in it.</summary>
    /// <param name="path">A .pt or .pth file.</param>
    /// <param name="rule">Which of its dictionaries to take; default <see cref="StateDictRule.AsStored"/>.</param>
    /// <exception cref="ModelException">
    /// Missing, cut short, damaged, of an older torch, without tensors, or naming something that is not on the white list.
    /// </exception>
    public static new TorchPickleFile Open(string path, StateDictRule? rule = null)
    {
        rule ??= StateDictRule.AsStored;
        var file = MappedFile.Open(path);
        try
        {
            var content = Read(file);
            return new TorchPickleFile(file, content, rule.Rename(path, StateDict(path, content, rule)));
        }
        catch (InvalidDataException e)
        {
            file.Dispose();
            throw new ModelException($"{path} is not a usable torch checkpoint: {e.Message}", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static object? Read(MappedFile file)
    {
        var entries = ZipDirectory.Read(file).Entries;
        var root = FindRoot(entries);
        if (entries.TryGetValue($"{root}byteorder", out var order) && order.Size == 3 && file.Bytes(order.Offset, 3).SequenceEqual("big"u8))
            throw new InvalidDataException("it was written on a big-endian machine: save it again on a little-endian one");
        if (entries.ContainsKey($"{root}constants.pkl"))
            throw new InvalidDataException("it is a TorchScript program: save the module's state_dict() with torch.save instead");
        var pickle = entries[root + PickleName];
        if (pickle.Size > LongestPickle)
            throw new InvalidDataException($"its pickle has {pickle.Size} bytes, {LongestPickle} are allowed");
        return new PickleMachine(file.Bytes(pickle.Offset, (int)pickle.Size), new TorchObjects(file, entries, root)).Run();
    }

    // torch names the top folder after the file as it was first saved; it may have been renamed since.
    private static string FindRoot(Dictionary<string, ZipEntry> entries)
    {
        var pickles = entries.Keys.Where(n =>
            n == PickleName || (n.EndsWith("/" + PickleName, StringComparison.Ordinal) && n.Count(c => c == '/') == 1)).ToList();
        return pickles.Count switch
        {
            1 => pickles[0][..^PickleName.Length],
            0 => throw new InvalidDataException("the archive has no data.pkl"),
            _ => throw new InvalidDataException("the archive has more than one data.pkl"),
        };
    }

    private static OrderedDictionary<string, MappedTensor> StateDict(string path, object? content, StateDictRule rule)
    {
        if (content is not PickleDict top)
            throw new ModelException($"{path} holds no state dict: save model.state_dict() with torch.save");
        foreach (var key in rule.Keys)
            if (top[key] is PickleDict inner && TensorsOf(inner) is { Count: > 0 } found)
                return found;
        if (TensorsOf(top) is { Count: > 0 } atTop)
            return atTop;
        throw new ModelException(
            $"{path} holds no weights at top level or under {string.Join(", ", rule.Keys)}; "
            + $"it has: {Printable.List(top.Items.Select(i => i.Key as string ?? "(no text)"))}");
    }

    private static OrderedDictionary<string, MappedTensor> TensorsOf(PickleDict dict)
    {
        var tensors = new OrderedDictionary<string, MappedTensor>(StringComparer.Ordinal);
        foreach (var (key, value) in dict.Items)
            if (key is string name && value is MappedTensor tensor)
                tensors[name] = tensor;
        return tensors;
    }
}
