using System.Text.RegularExpressions;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>C types as C# writes them; remembers which records, enums, fixed arrays and delegates the answers named.</summary>
internal sealed partial class TypeMap
{
    private readonly HashSet<string> _seen = [];

    public Queue<(string Name, CXCursor Declaration)> Wanted { get; } = new();

    public SortedDictionary<string, (string Element, long Length)> FixedArrays { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, string> Delegates { get; } = new(StringComparer.Ordinal);

    public void Want(CXCursor declaration)
    {
        var name = TagOf(declaration);
        if (_seen.Add(name))
        {
            Wanted.Enqueue((name, declaration));
        }
    }

    public string Map(CXType type)
    {
        var canonical = type.Canonical();
        return Primitive(canonical) ?? canonical.Kind switch
        {
            TypeKind.Pointer => Pointer(clang_getPointeeType(canonical)),
            TypeKind.ConstantArray or TypeKind.IncompleteArray => Map(canonical.Element()) + "*",
            TypeKind.Enum when clang_getTypeDeclaration(canonical).IsUnnamed() => "int",
            TypeKind.Record or TypeKind.Elaborated or TypeKind.Enum => Named(clang_getTypeDeclaration(canonical)),
            _ => throw new NotSupportedException($"type {type.Spelling()}"),
        };
    }

    /// <summary>char is byte as in FFmpeg.AutoGen; int8_t ("signed char") is sbyte.</summary>
    public static string? Primitive(CXType canonical) => canonical.Kind switch
    {
        TypeKind.Void => "void",
        TypeKind.Bool => "bool",
        TypeKind.CharUnsigned or TypeKind.UChar or TypeKind.CharSigned => "byte",
        TypeKind.SChar => "sbyte",
        TypeKind.UShort => "ushort",
        TypeKind.UInt => "uint",
        TypeKind.ULong or TypeKind.ULongLong => "ulong",
        TypeKind.Short => "short",
        TypeKind.Int => "int",
        TypeKind.Long or TypeKind.LongLong => "long",
        TypeKind.Float => "float",
        TypeKind.Double => "double",
        _ => null,
    };

    public string FixedArray(string element, long length)
    {
        var suffix = element.EndsWith("**", StringComparison.Ordinal) ? "_ptrPtrArray" : element.EndsWith('*') ? "_ptrArray" : "_array";
        var name = element.TrimEnd('*') + suffix + length;
        FixedArrays[name] = (element, length);
        return name;
    }

    /// <summary>
    /// Declares a delegate for a function pointer and returns the struct that stands for the pointer in fields and parameters.
    /// </summary>
    public string Delegate(string name, CXType function, CXCursor holder)
    {
        var names = holder.Children().Where(child => child.Kind == CursorKind.Parameter).Select(child => child.Name()).ToList();
        var parameters = Enumerable.Range(0, clang_getNumArgTypes(function)).Select(i =>
        {
            var type = clang_getArgType(function, (uint)i);
            var parameter = i < names.Count && names[i].Length > 0 ? names[i] : "p" + i;
            return type.IsConstCharPointer()
                ? $"[MarshalAs(UnmanagedType.LPUTF8Str)] string {Names.Escape(parameter)}"
                : $"{Map(type)} {Names.Escape(parameter)}";
        });
        Delegates[name] = $"{Map(clang_getResultType(function))} {name}({string.Join(", ", parameters)})";
        return name + "_func";
    }

    /// <summary>The text with the signatures of the callbacks in it, so that two versions can be compared.</summary>
    public string Meaning(string text) =>
        Callback().Replace(text, match => $"{match.Value}<{Delegates.GetValueOrDefault(match.Groups[1].Value)}>");

    public static string TagOf(CXCursor declaration)
    {
        var name = declaration.Name();
        return name.Length > 0 && !name.Contains('(') ? name
            : declaration.Type().Spelling().Replace("struct ", "").Replace("union ", "").Replace("enum ", "");
    }

    private string Pointer(CXType pointee)
    {
        if (pointee.Canonical().IsFunction())
        {
            return "IntPtr";
        }

        var inner = Map(pointee);
        return inner == "IntPtr" ? "void**" : inner + "*";
    }

    private string Named(CXCursor declaration)
    {
        var name = TagOf(declaration);
        if (name == "__va_list_tag")
        {
            return "byte";
        }

        Want(declaration);
        return name;
    }

    [GeneratedRegex(@"\b(\w+)_func\b")]
    private static partial Regex Callback();
}
