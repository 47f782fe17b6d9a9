using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using static StreamDiff.BindingsGenerator.LibClang;

namespace StreamDiff.BindingsGenerator;

/// <summary>Object-like macros whose value is a number, evaluated by clang in the headers of one version.</summary>
internal sealed partial class ConstantReader(Headers headers)
{
    private const string Prefix = "constant_of_";

    /// <summary>Names of the macros that may be numbers.</summary>
    public IEnumerable<string> Candidates(IEnumerable<CXCursor> declarations) =>
        declarations.Where(IsObjectMacro).Select(macro => macro.Name()).Where(IsWanted).Distinct();

    /// <summary>C#'s declaration of each name that has a value here, whether it is a macro or, by now, an enum's constant.</summary>
    public Dictionary<string, string> Declarations(IEnumerable<string> names)
    {
        // What is no arithmetic expression makes its declaration an error, and clang drops it.
        var source = headers.Includes + string.Concat(names.Select(name => $"const __typeof__(({name})+0) {Prefix}{name} = ({name});\n"));
        return headers.Parse(source, 0, reportErrors: false)
            .Where(variable => variable.Kind == CursorKind.Variable && variable.Name().StartsWith(Prefix, StringComparison.Ordinal))
            .Select(variable => (Name: variable.Name()[Prefix.Length..], Variable: variable))
            .ToDictionary(constant => constant.Name, constant => Declaration(constant.Name, constant.Variable));
    }

    private bool IsObjectMacro(CXCursor cursor) =>
        cursor.Kind == CursorKind.MacroDefinition && clang_Cursor_isMacroFunctionLike(cursor) == 0 && headers.Declares(cursor);

    private static bool IsWanted(string name) => !Internal().IsMatch(name);

    private static string Declaration(string name, CXCursor variable)
    {
        var type = TypeMap.Primitive(variable.Type().Canonical());
        var result = clang_Cursor_Evaluate(variable);
        if (type is null or "void" || result == 0 || Value(result, type) is not { } value)
        {
            return "";
        }

        // FFmpeg.AutoGen has these as static fields; as constants they would allow code that the package refuses.
        var isField = name.StartsWith("AVERROR_", StringComparison.Ordinal) || name == "AV_NOPTS_VALUE";
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
}
