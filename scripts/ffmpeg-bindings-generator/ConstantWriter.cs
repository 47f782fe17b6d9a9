using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>Object-like macros whose value is a number, evaluated by clang.</summary>
internal sealed partial class ConstantWriter(Headers headers)
{
    private const string Prefix = "constant_of_";

    public string Write(IEnumerable<CXCursor> declarations)
    {
        var names = declarations.Where(IsObjectMacro).Select(macro => macro.Name()).Distinct().Where(IsWanted).Order(StringComparer.Ordinal);
        // A macro that is no arithmetic expression makes its declaration an error, and clang drops it.
        var source = headers.Includes + string.Concat(names.Select(name => $"const __typeof__(({name})+0) {Prefix}{name} = ({name});\n"));
        var text = new StringBuilder();
        foreach (var variable in headers.Parse(source, 0, reportErrors: false))
        {
            if (variable.Kind == CursorKind.Variable && variable.Name().StartsWith(Prefix, StringComparison.Ordinal))
            {
                text.Append(Declaration(variable.Name()[Prefix.Length..], variable));
            }
        }

        return text.ToString();
    }

    private bool IsObjectMacro(CXCursor cursor) =>
        cursor.Kind == CursorKind.MacroDefinition && clang_Cursor_isMacroFunctionLike(cursor) == 0 && headers.Declares(cursor);

    private static bool IsWanted(string name) => !Internal().IsMatch(name) || Version().IsMatch(name);

    private static string Declaration(string name, CXCursor variable)
    {
        var type = TypeMap.Primitive(variable.Type().Canonical());
        var result = clang_Cursor_Evaluate(variable);
        if (type is null or "void" || result == 0 || Value(result, type) is not { } value)
        {
            return "";
        }

        // FFmpeg.AutoGen has these as static fields; as constants they would allow code that the package refuses.
        var isField = name.StartsWith("AVERROR_", StringComparison.Ordinal) || name == "AV_NOPTS_VALUE" || name.EndsWith("_VERSION_INT", StringComparison.Ordinal);
        return $"    public {(isField ? "static readonly" : "const")} {type} {name} = {value};\n";
    }

    private static string? Value(nint result, string type) => (clang_EvalResult_getKind(result), type) switch
    {
        (EvaluatedKind.Integer, "ulong") => clang_EvalResult_getAsUnsigned(result) + "UL",
        (EvaluatedKind.Integer, "uint") => clang_EvalResult_getAsUnsigned(result) + "U",
        (EvaluatedKind.Integer, _) when clang_EvalResult_getAsLongLong(result) == long.MinValue => "long.MinValue",
        (EvaluatedKind.Integer, "long") => clang_EvalResult_getAsLongLong(result) + "L",
        (EvaluatedKind.Integer, _) => clang_EvalResult_getAsLongLong(result).ToString(CultureInfo.InvariantCulture),
        (EvaluatedKind.Floating, _) => clang_EvalResult_getAsDouble(result).ToString("R", CultureInfo.InvariantCulture),
        _ => null,
    };

    [GeneratedRegex("_H$|^FF_API_|^LIBAV|^LIBSW|^av_|^attribute_|_IDENT$|^AV_GCC|^AV_HAVE|^AVUTIL_")]
    private static partial Regex Internal();

    [GeneratedRegex("^LIB.*_VERSION_(MAJOR|MINOR|MICRO|INT)$")]
    private static partial Regex Version();
}
