using System.Text;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>One P/Invoke declaration for each exported function.</summary>
internal sealed class FunctionReader(Headers headers, TypeMap types)
{
    private const int StaticStorage = 3;

    public SortedDictionary<string, Function> ByName { get; } = new(StringComparer.Ordinal);

    public List<string> Skipped { get; } = [];

    public void Read(IEnumerable<CXCursor> declarations)
    {
        foreach (var function in declarations.Where(IsExported).DistinctBy(function => function.Name()))
        {
            try
            {
                ByName[function.Name()] = Of(function);
            }
            catch (NotSupportedException reason)
            {
                Skipped.Add($"{function.Name()}: {reason.Message}");
            }
        }
    }

    private bool IsExported(CXCursor cursor) =>
        cursor.Kind == CursorKind.Function && clang_Cursor_isFunctionInlined(cursor) == 0
        && clang_Cursor_getStorageClass(cursor) != StaticStorage && headers.Declares(cursor);

    private Function Of(CXCursor function)
    {
        var library = headers.LibraryOf(function);
        var text = Declaration(function, library);
        var summary = function.Brief().Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");
        return new Function(library, text, types.Meaning(text), summary, function.IsDeprecated());
    }

    private string Declaration(CXCursor function, string library)
    {
        var name = function.Name();
        var parameters = Parameters(function).ToList();
        var result = clang_getResultType(function.Type());
        var text = new StringBuilder();
        if (!result.IsConstCharPointer())
        {
            text.Append($"    [DllImport(\"{library}\", CallingConvention = CallingConvention.Cdecl)] public static extern {types.Map(result)} {name}({Join(parameters, p => p.Native)});\n");
            return text.ToString();
        }

        // A returned string belongs to the library: the runtime's own marshalling would free it.
        text.Append($"    public static string {name}({Join(parameters, p => p.Managed)}) => Marshal.PtrToStringUTF8((IntPtr)__{name}({Join(parameters, p => p.Argument)}));\n");
        text.Append($"    [DllImport(\"{library}\", EntryPoint = \"{name}\", CallingConvention = CallingConvention.Cdecl)] private static extern byte* __{name}({Join(parameters, p => p.Native)});\n");
        return text.ToString();
    }

    private IEnumerable<Parameter> Parameters(CXCursor function)
    {
        for (uint i = 0; i < clang_Cursor_getNumArguments(function); i++)
        {
            var argument = clang_Cursor_getArgument(function, i);
            var name = Names.Escape(argument.Name() is { Length: > 0 } given ? given : "p" + i);
            yield return ToParameter(function.Name(), argument, argument.Type(), name);
        }
    }

    private Parameter ToParameter(string function, CXCursor argument, CXType type, string name)
    {
        var canonical = type.Canonical();
        if (type.IsFunctionPointer(out var pointed))
        {
            return new Parameter($"{types.Delegate($"{function}_{argument.Name()}", pointed, argument)} {name}", name);
        }

        if (type.IsConstCharPointer())
        {
            return new Parameter($"[MarshalAs(UnmanagedType.LPUTF8Str)] string {name}", $"string {name}", name);
        }

        return canonical.Kind switch
        {
            TypeKind.ConstantArray => ByReference(type, canonical, name),
            TypeKind.IncompleteArray => new Parameter($"{types.Map(canonical.Element())}[] {name}", name),
            _ => new Parameter($"{types.Map(type)} {name}", name),
        };
    }

    private Parameter ByReference(CXType written, CXType array, string name)
    {
        var element = array.Element();
        // The canonical type of "const int x[4]" has lost the const; the type as written has it.
        var modifier = element.IsConst() || written.Element().IsConst() || clang_getPointeeType(element).IsConst() ? "in" : "ref";
        return new Parameter($"{modifier} {types.FixedArray(types.Map(element), clang_getArraySize(array))} {name}", $"{modifier} {name}");
    }

    private static string Join(IEnumerable<Parameter> parameters, Func<Parameter, string> part) => string.Join(", ", parameters.Select(part));

    private sealed record Parameter(string Native, string Managed, string Argument)
    {
        public Parameter(string native, string argument)
            : this(native, native, argument)
        {
        }
    }
}
