using System.Text;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>C# has no bit-fields: neighbours that share a storage unit become one field named after all of them, low bits first.</summary>
internal sealed class BitFieldPacker(TypeMap types, StringBuilder body)
{
    private string _name = "";
    private string _type = "";
    private int _usedBits;

    public void Add(CXCursor field)
    {
        var width = clang_getFieldDeclBitWidth(field);
        if (_usedBits + width > clang_Type_getSizeOf(field.Type()) * 8)
        {
            Flush();
        }

        _type = types.Map(field.Type());
        _name += (_name.Length == 0 ? "" : "_") + field.Name() + width;
        _usedBits += width;
    }

    public void Flush()
    {
        if (_usedBits > 0)
        {
            body.Append($"    public {_type} {_name};\n");
        }

        _name = "";
        _usedBits = 0;
    }
}
