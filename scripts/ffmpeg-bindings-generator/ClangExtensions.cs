using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>libclang's cursors and types as C# reads them.</summary>
internal static unsafe class ClangExtensions
{
    private const int Deprecated = 1;

    public static string Name(this CXCursor cursor) => Text(clang_getCursorSpelling(cursor));

    public static string Spelling(this CXType type) => Text(clang_getTypeSpelling(type));

    public static string Brief(this CXCursor cursor) => Text(clang_Cursor_getBriefCommentText(cursor));

    public static CXType Type(this CXCursor cursor) => clang_getCursorType(cursor);

    public static CXType Canonical(this CXType type) => clang_getCanonicalType(type);

    public static CXType Element(this CXType type) => clang_getArrayElementType(type);

    public static bool IsConst(this CXType type) => clang_isConstQualifiedType(type) != 0;

    public static bool IsDeprecated(this CXCursor cursor) => clang_getCursorAvailability(cursor) == Deprecated;

    public static bool IsFunction(this CXType type) => type.Kind is TypeKind.FunctionPrototype or TypeKind.FunctionNoPrototype;

    /// <summary>Newer clang spells an unnamed record as "struct (unnamed at ...)".</summary>
    public static bool IsUnnamed(this CXCursor declaration) =>
        declaration.Name() is var name && (name.Length == 0 || name.Contains('(')) || clang_Cursor_isAnonymous(declaration) != 0;

    public static bool IsConstCharPointer(this CXType type)
    {
        var canonical = type.Canonical();
        return canonical.Kind == TypeKind.Pointer && clang_getPointeeType(canonical) is var pointee
            && pointee.Canonical().Kind == TypeKind.CharSigned && pointee.IsConst();
    }

    public static bool IsFunctionPointer(this CXType type, out CXType function)
    {
        var canonical = type.Canonical();
        function = canonical.Kind == TypeKind.Pointer ? clang_getPointeeType(canonical).Canonical() : default;
        return function.IsFunction();
    }

    public static string File(this CXCursor cursor)
    {
        nint file;
        uint line, column, offset;
        clang_getSpellingLocation(clang_getCursorLocation(cursor), &file, &line, &column, &offset);
        return file == 0 ? "" : Text(clang_getFileName(file));
    }

    public static List<CXCursor> Children(this CXCursor cursor)
    {
        var children = new List<CXCursor>();
        var handle = GCHandle.Alloc(children);
        _ = clang_visitChildren(cursor, &Collect, (void*)GCHandle.ToIntPtr(handle));
        handle.Free();
        return children;
    }

    public static string Text(CXString text)
    {
        var managed = Marshal.PtrToStringUTF8((nint)clang_getCString(text)) ?? "";
        clang_disposeString(text);
        return managed;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Collect(CXCursor cursor, CXCursor parent, void* data)
    {
        ((List<CXCursor>)GCHandle.FromIntPtr((nint)data).Target!).Add(cursor);
        return 1; // CXChildVisit_Continue: siblings, not children
    }
}
