using System.Reflection;
using System.Runtime.InteropServices;

namespace StreamDiff.BindingsGenerator;

[StructLayout(LayoutKind.Sequential)]
internal struct CXCursor
{
    public CursorKind Kind;
    private readonly int _data0;
    private readonly nint _data1, _data2, _data3;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CXType
{
    public TypeKind Kind;
    private readonly nint _data0, _data1;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CXString
{
    private readonly nint _data;
    private readonly uint _flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CXSourceLocation
{
    private readonly nint _data0, _data1;
    private readonly uint _data2;
}

/// <summary>The few calls of libclang's stable C interface that the generator needs.</summary>
internal static unsafe class LibClang
{
    private const string Library = "libclang";

    static LibClang() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), Resolve);

    [DllImport(Library)] public static extern nint clang_createIndex(int excludeDeclarations, int displayDiagnostics);
    [DllImport(Library)]
    public static extern nint clang_parseTranslationUnit(
        nint index, [MarshalAs(UnmanagedType.LPUTF8Str)] string file, nint[] arguments, int count, void* unsaved, uint unsavedCount,
        uint options);
    [DllImport(Library)] public static extern CXCursor clang_getTranslationUnitCursor(nint unit);
    [DllImport(Library)]
    public static extern uint clang_visitChildren(
        CXCursor cursor, delegate* unmanaged[Cdecl]<CXCursor, CXCursor, void*, int> visitor, void* data);
    [DllImport(Library)] public static extern CXString clang_getCursorSpelling(CXCursor cursor);
    [DllImport(Library)] public static extern CXString clang_getTypeSpelling(CXType type);
    [DllImport(Library)] public static extern CXString clang_Cursor_getBriefCommentText(CXCursor cursor);
    [DllImport(Library)] public static extern CXString clang_getFileName(nint file);
    [DllImport(Library)] public static extern CXString clang_formatDiagnostic(nint diagnostic, uint options);
    [DllImport(Library)] public static extern byte* clang_getCString(CXString text);
    [DllImport(Library)] public static extern void clang_disposeString(CXString text);
    [DllImport(Library)] public static extern CXType clang_getCursorType(CXCursor cursor);
    [DllImport(Library)] public static extern CXType clang_getCanonicalType(CXType type);
    [DllImport(Library)] public static extern CXType clang_getPointeeType(CXType type);
    [DllImport(Library)] public static extern CXType clang_getResultType(CXType type);
    [DllImport(Library)] public static extern CXType clang_getArgType(CXType type, uint index);
    [DllImport(Library)] public static extern int clang_getNumArgTypes(CXType type);
    [DllImport(Library)] public static extern uint clang_isConstQualifiedType(CXType type);
    [DllImport(Library)] public static extern CXType clang_getArrayElementType(CXType type);
    [DllImport(Library)] public static extern long clang_getArraySize(CXType type);
    [DllImport(Library)] public static extern CXCursor clang_getTypeDeclaration(CXType type);
    [DllImport(Library)] public static extern long clang_getEnumConstantDeclValue(CXCursor cursor);
    [DllImport(Library)] public static extern long clang_Type_getSizeOf(CXType type);
    [DllImport(Library)] public static extern int clang_Cursor_getNumArguments(CXCursor cursor);
    [DllImport(Library)] public static extern CXCursor clang_Cursor_getArgument(CXCursor cursor, uint index);
    [DllImport(Library)] public static extern uint clang_Cursor_isAnonymous(CXCursor cursor);
    [DllImport(Library)] public static extern uint clang_Cursor_isFunctionInlined(CXCursor cursor);
    [DllImport(Library)] public static extern int clang_Cursor_getStorageClass(CXCursor cursor);
    [DllImport(Library)] public static extern int clang_getCursorAvailability(CXCursor cursor);
    [DllImport(Library)] public static extern uint clang_isCursorDefinition(CXCursor cursor);
    [DllImport(Library)] public static extern CXCursor clang_getCursorDefinition(CXCursor cursor);
    [DllImport(Library)] public static extern uint clang_Cursor_isMacroFunctionLike(CXCursor cursor);
    [DllImport(Library)] public static extern uint clang_Cursor_isBitField(CXCursor cursor);
    [DllImport(Library)] public static extern long clang_Cursor_getOffsetOfField(CXCursor cursor);
    [DllImport(Library)] public static extern int clang_getFieldDeclBitWidth(CXCursor cursor);
    [DllImport(Library)] public static extern CXSourceLocation clang_getCursorLocation(CXCursor cursor);
    [DllImport(Library)]
    public static extern void clang_getSpellingLocation(
        CXSourceLocation location, nint* file, uint* line, uint* column, uint* offset);
    [DllImport(Library)] public static extern nint clang_Cursor_Evaluate(CXCursor cursor);
    [DllImport(Library)] public static extern EvaluatedKind clang_EvalResult_getKind(nint result);
    [DllImport(Library)] public static extern long clang_EvalResult_getAsLongLong(nint result);
    [DllImport(Library)] public static extern ulong clang_EvalResult_getAsUnsigned(nint result);
    [DllImport(Library)] public static extern double clang_EvalResult_getAsDouble(nint result);
    [DllImport(Library)] public static extern uint clang_getNumDiagnostics(nint unit);
    [DllImport(Library)] public static extern nint clang_getDiagnostic(nint unit, uint index);
    [DllImport(Library)] public static extern int clang_getDiagnosticSeverity(nint diagnostic);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        var installed = Directory.Exists("/usr/lib") ? Directory.GetDirectories("/usr/lib", "llvm-*") : [];
        var candidates = installed.OrderDescending().Select(folder => Path.Combine(folder, "lib", "libclang.so.1"))
            .Prepend("libclang.so.1").Prepend(Environment.GetEnvironmentVariable("LIBCLANG") ?? "libclang.so");
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
            {
                return handle;
            }
        }

        throw new DllNotFoundException(
            "libclang was not found: apt-get install libclang1-14 libclang-common-14-dev, or set LIBCLANG to the library's path.");
    }
}
