using System.Text;

namespace StreamDiff.BindingsGenerator;

/// <summary>C arrays inside structs, as structs with an indexer.</summary>
internal static class FixedArrayWriter
{
    private static readonly HashSet<string> FixedElements = ["byte", "sbyte", "short", "ushort", "int", "uint", "long", "ulong", "float", "double"];

    public static string Write(string name, string element, long length)
    {
        // "fixed" buffers hold primitive elements only; pointers and structs are laid out one by one.
        var isFixed = FixedElements.Contains(element);
        var storage = isFixed ? $"fixed {element} _[{length}];" : string.Join(" ", Enumerable.Range(0, (int)length).Select(i => $"{element} _{i};"));
        var first = isFixed ? "_" : "&_0";
        return new StringBuilder()
            .Append($"public unsafe struct {name}\n{{\n")
            .Append($"    public const int Size = {length};\n")
            .Append($"    {storage}\n")
            .Append($"    public int Length => {length};\n")
            .Append($"    public {element} this[uint i]\n    {{\n")
            .Append($"        get {{ if (i >= {length}) throw new ArgumentOutOfRangeException(nameof(i)); fixed ({element}* p = {first}) return p[i]; }}\n")
            .Append($"        set {{ if (i >= {length}) throw new ArgumentOutOfRangeException(nameof(i)); fixed ({element}* p = {first}) p[i] = value; }}\n    }}\n")
            .Append($"    public {element}[] ToArray() {{ var a = new {element}[{length}]; for (uint i = 0; i < {length}; i++) a[i] = this[i]; return a; }}\n")
            .Append($"    public void UpdateFrom({element}[] array) {{ for (uint i = 0; i < array.Length && i < {length}; i++) this[i] = array[i]; }}\n")
            .Append($"    public static implicit operator {element}[]({name} source) => source.ToArray();\n}}\n\n")
            .ToString();
    }
}
