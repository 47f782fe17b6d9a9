using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>All that the program may use of one FFmpeg version, from its headers.</summary>
internal sealed class Generation
{
    public Generation(string includeFolder)
    {
        Headers = new Headers(includeFolder.TrimEnd('/'));
        Declarations = Headers.Declarations();
        var functions = new FunctionReader(Headers, Types);
        functions.Read(Declarations);
        (Functions, Skipped) = (functions.ByName, functions.Skipped);
        foreach (var cursor in Declarations.Where(IsNamedRecord))
        {
            Types.Want(cursor);
        }

        var records = new RecordReader(Headers, Types);
        records.Read();
        (Layouts, Enums) = (records.Layouts, records.Enums);
    }

    public Headers Headers { get; }

    public TypeMap Types { get; } = new();

    public List<CXCursor> Declarations { get; }

    public IReadOnlyDictionary<string, Function> Functions { get; }

    public IReadOnlyList<string> Skipped { get; }

    public IReadOnlyDictionary<string, Layout> Layouts { get; }

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> Enums { get; }

    private bool IsNamedRecord(CXCursor cursor) =>
        cursor.Kind is CursorKind.Struct or CursorKind.Enum && clang_isCursorDefinition(cursor) != 0 && Headers.Declares(cursor)
        && !cursor.IsUnnamed();
}
