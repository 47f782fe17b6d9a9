using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>Structs, unions, opaque types and enums, in the order in which they are first wanted.</summary>
internal sealed class RecordReader(Headers headers, TypeMap types)
{
    private const int BitsPerByte = 8;

    private readonly Dictionary<string, Layout> _layouts = [];
    private readonly Dictionary<string, IReadOnlyDictionary<string, int>> _enums = [];

    public IReadOnlyDictionary<string, Layout> Layouts => _layouts;

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> Enums => _enums;

    public void Read()
    {
        while (types.Wanted.TryDequeue(out var wanted))
        {
            var definition = clang_getCursorDefinition(wanted.Declaration);
            if (wanted.Declaration.Kind == CursorKind.Enum)
            {
                ReadEnum(wanted.Name, definition.Kind == CursorKind.Enum ? definition : wanted.Declaration);
            }
            else if (definition.Kind is CursorKind.Struct or CursorKind.Union && headers.Declares(definition))
            {
                ReadRecord(wanted.Name, definition, isNamed: true);
            }
            else
            {
                _layouts[wanted.Name] = new Layout(wanted.Name, wanted.Name, IsUnion: false, IsNamed: false, Size: 0, []);
            }
        }
    }

    private void ReadEnum(string name, CXCursor definition)
    {
        var constants = new Dictionary<string, int>();
        foreach (var constant in definition.Children().Where(child => child.Kind == CursorKind.EnumConstant))
        {
            constants[constant.Name()] = unchecked((int)clang_getEnumConstantDeclValue(constant));
        }

        _enums[name] = constants;
    }

    private void ReadRecord(string name, CXCursor definition, bool isNamed)
    {
        var fields = new List<Field>();
        var isUnion = definition.Kind == CursorKind.Union;
        // What a record holds comes before it, so that the order is the one in which C could declare them.
        foreach (var field in definition.Children().Where(child => child.Kind == CursorKind.Field))
        {
            if (clang_Cursor_isBitField(field) == 0)
            {
                var type = FieldType(name, field);
                fields.Add(new Field(
                    field.Name(), type, types.Meaning(type), clang_Cursor_getOffsetOfField(field) / BitsPerByte, field.IsDeprecated(),
                    true));
            }
            else
            {
                AddBits(fields, field);
            }
        }

        _layouts[name] = new Layout(name, definition.Type().Spelling(), isUnion, isNamed, clang_Type_getSizeOf(definition.Type()), fields);
    }

    // C# has no bit-fields: neighbours that share a storage unit become one field named after all of them, low bits first.
    private void AddBits(List<Field> fields, CXCursor field)
    {
        var unit = clang_Type_getSizeOf(field.Type());
        var offset = clang_Cursor_getOffsetOfField(field) / (unit * BitsPerByte) * unit;
        var name = field.Name() + clang_getFieldDeclBitWidth(field);
        if (fields.LastOrDefault() is { IsComparable: false } before && before.Offset == offset)
        {
            fields.RemoveAt(fields.Count - 1);
            name = before.Name + "_" + name;
        }

        var type = types.Map(field.Type());
        fields.Add(new Field(name, type, type, offset, IsObsolete: false, IsComparable: false));
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
        ReadRecord(nested, clang_getTypeDeclaration(canonical), isNamed: false);
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
