using System.Text;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>Structs, unions, opaque types and enums, in the order in which they are first wanted.</summary>
internal sealed class RecordWriter(Headers headers, TypeMap types)
{
    public StringBuilder Structs { get; } = new();

    public StringBuilder Enums { get; } = new();

    /// <summary>What the layout check compares: the C type and its fields, bit-fields and anonymous members left out.</summary>
    public List<(string Name, string CType, List<string> Fields)> Layouts { get; } = [];

    public void Write()
    {
        while (types.Wanted.TryDequeue(out var wanted))
        {
            var definition = clang_getCursorDefinition(wanted.Declaration);
            if (wanted.Declaration.Kind == CursorKind.Enum)
            {
                WriteEnum(wanted.Name, definition.Kind == CursorKind.Enum ? definition : wanted.Declaration);
            }
            else if (definition.Kind is CursorKind.Struct or CursorKind.Union && headers.Declares(definition))
            {
                WriteRecord(wanted.Name, definition, named: true);
            }
            else
            {
                Structs.Append($"public unsafe partial struct {wanted.Name} {{ }}\n\n");
            }
        }
    }

    private void WriteEnum(string name, CXCursor definition)
    {
        Enums.Append($"public enum {name} : int\n{{\n");
        foreach (var constant in definition.Children().Where(child => child.Kind == CursorKind.EnumConstant))
        {
            Enums.Append($"    {Names.Escape(constant.Name())} = {unchecked((int)clang_getEnumConstantDeclValue(constant))},\n");
        }

        Enums.Append("}\n\n");
    }

    private void WriteRecord(string name, CXCursor definition, bool named)
    {
        var isUnion = definition.Kind == CursorKind.Union;
        var body = new StringBuilder();
        var comparable = new List<string>();
        var bits = new BitFieldPacker(types, body);
        foreach (var field in definition.Children().Where(child => child.Kind == CursorKind.Field))
        {
            if (clang_Cursor_isBitField(field) != 0)
            {
                bits.Add(field);
                continue;
            }

            bits.Flush();
            var obsolete = field.IsDeprecated() ? "[Obsolete] " : "";
            body.Append($"    {(isUnion ? "[FieldOffset(0)] " : "")}{obsolete}public {FieldType(name, field)} {Names.Escape(field.Name())};\n");
            comparable.Add(field.Name());
        }

        bits.Flush();
        Structs.Append($"{(isUnion ? "[StructLayout(LayoutKind.Explicit)]\n" : "")}public unsafe partial struct {name}\n{{\n{body}}}\n\n");
        if (named)
        {
            Layouts.Add((name, definition.Type().Spelling(), comparable));
        }
    }

    private string FieldType(string owner, CXCursor field)
    {
        var type = field.Type();
        var canonical = type.Canonical();
        if (type.IsFunctionPointer(out var function))
        {
            return types.Delegate($"{owner}_{field.Name()}", function, field);
        }

        if (canonical.Kind == TypeKind.ConstantArray)
        {
            return Flattened(canonical);
        }

        if (canonical.Kind != TypeKind.Record || !clang_getTypeDeclaration(canonical).IsUnnamed())
        {
            return types.Map(type);
        }

        var nested = $"{owner}_{field.Name()}";
        WriteRecord(nested, clang_getTypeDeclaration(canonical), named: false);
        return nested;
    }

    private string Flattened(CXType array)
    {
        var length = clang_getArraySize(array);
        var element = array.Element();
        while (element.Canonical().Kind == TypeKind.ConstantArray)
        {
            length *= clang_getArraySize(element.Canonical());
            element = element.Canonical().Element();
        }

        return types.FixedArray(types.Map(element), length);
    }
}
