using System.Text;

namespace StreamDiff.Models.Tests.Weights;

/// <summary>Writes pickles by hand, also such as no Python would.</summary>
internal sealed class PickleText
{
    private readonly List<byte> _bytes = [0x80, 2];

    public byte[] Bytes => [.. _bytes];

    public PickleText Op(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleText Op(char op) => Op((byte)op);

    public PickleText Text(string text) =>
        Op('X').Op(BitConverter.GetBytes(Encoding.UTF8.GetByteCount(text))).Op(Encoding.UTF8.GetBytes(text));

    public PickleText Int(long value) => Op(0x8a, 8).Op(BitConverter.GetBytes(value));

    public PickleText Global(string module, string name) => Op('c').Op(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleText Tuple(params long[] values)
    {
        Op('(');
        foreach (var value in values)
            Int(value);
        return Op('t');
    }

    public PickleText Storage(string type, string key, long count) =>
        Op('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Int(count).Op('t').Op('Q');

    public PickleText Tensor(string type, string key, long count, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage(type, key, count).Int(offset).Tuple(shape).Tuple(strides)
            .Op(0x89).Global("collections", "OrderedDict").Op(')').Op('R').Op('t').Op('R');

    /// <summary>A dictionary with one item.</summary>
    public static byte[] Dict(string key, Action<PickleText> value)
    {
        var text = new PickleText().Op('}').Text(key);
        value(text);
        return text.Op('s').Op('.').Bytes;
    }
}
