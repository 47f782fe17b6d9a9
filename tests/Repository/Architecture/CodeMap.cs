using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace StreamDiff.Repository.Tests.Architecture;

/// <summary>Code in one folder that uses a type of another.</summary>
/// <param name="From">Folder of the code below src, such as "Transport/Media".</param>
/// <param name="To">Folder of the type.</param>
/// <param name="Type">The type that is used.</param>
/// <param name="Place">File and line.</param>
internal sealed record Use(string From, string To, string Type, string Place);

/// <summary>
/// Who uses whom between the folders of src, as the compiler sees it: base types, signatures, bodies, constants, types that are only
/// inferred. What comments refer to does not count.
/// </summary>
internal sealed class CodeMap
{
    private const string Company = "StreamDiff";

    // Uses nothing of ours.
    private const string Bindings = "FFmpeg.Bindings";
    private static readonly Lazy<CodeMap> Once = new(() => new CodeMap(Read()));

    private CodeMap(IReadOnlyList<Use> uses) => Uses = uses;

    /// <summary>The map of this checkout; read once, which takes some seconds.</summary>
    public static CodeMap Of => Once.Value;

    /// <summary>One for each pair of folders and type.</summary>
    public IReadOnlyList<Use> Uses { get; }

    private static List<Use> Read()
    {
        var compilation = Compile([.. RepositoryFiles.Projects.Where(p => p != Bindings)]);
        var uses = new Dictionary<(string, string, string), Use>();
        foreach (var tree in compilation.SyntaxTrees.Where(t => !RepositoryFiles.IsBuilt(t.FilePath)))
        {
            var from = Path.GetRelativePath(Path.Combine(RepositoryFiles.Root, "src"), Path.GetDirectoryName(tree.FilePath)!);
            var model = compilation.GetSemanticModel(tree);
            foreach (var node in tree.GetRoot().DescendantNodes(n => n is not UsingDirectiveSyntax))
                foreach (var type in Types(model, node))
                    if (FolderOf(type) is { } to && to != from && !uses.ContainsKey((from, to, type.Name)))
                    {
                        var place = $"{RepositoryFiles.Name(tree.FilePath)}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";
                        uses[(from, to, type.Name)] = new Use(from, to, type.Name, place);
                    }
        }
        return [.. uses.Values];
    }

    // All projects as one, which reads each library once, with everything that the build gave the compiler: the files that it made, and the
    // libraries that lie beside what came out.
    private static CSharpCompilation Compile(IReadOnlyList<string> projects)
    {
        var build = AppContext.BaseDirectory.Split("/bin/")[^1].TrimEnd('/');
        IEnumerable<string> Built(string kind, string files) =>
            projects.SelectMany(p => Directory.EnumerateFiles(Path.Combine(RepositoryFiles.Root, "src", p, kind, build), files));
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var trees = projects.SelectMany(p => RepositoryFiles.Sources($"src/{p}")).Concat(Built("obj", "*.cs"))
            .Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), options, f));
        var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(f => Path.GetFileName(f).StartsWith("System.", StringComparison.Ordinal));
        return CSharpCompilation.Create(
            Company, trees,
            Built("bin", "*.dll").Where(f => !IsOurs(f)).Concat(platform).DistinctBy(Path.GetFileName)
                .Select(f => MetadataReference.CreateFromFile(f)),
            new CSharpCompilationOptions(
                OutputKind.ConsoleApplication, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
    }

    // What is read as source: libraries by their name, programs by what lies beside them.
    private static bool IsOurs(string library) =>
        File.Exists(Path.ChangeExtension(library, ".runtimeconfig.json"))
        || Path.GetFileNameWithoutExtension(library) is var name
            && name.StartsWith($"{Company}.", StringComparison.Ordinal) && name != $"{Company}.{Bindings}";

    private static IEnumerable<INamedTypeSymbol> Types(SemanticModel model, SyntaxNode node)
    {
        var symbol = node is SimpleNameSyntax or BaseObjectCreationExpressionSyntax or ConstructorInitializerSyntax
            ? model.GetSymbolInfo(node).Symbol
            : null;
        return symbol switch
        {
            INamedTypeSymbol or IArrayTypeSymbol or IPointerTypeSymbol => Open((ITypeSymbol)symbol),
            IMethodSymbol method =>
                Open(method.ReturnType).Concat(method.Parameters.SelectMany(p => Open(p.Type))).Concat(Open(method.ContainingType)),
            IPropertySymbol property => Open(property.Type).Concat(Open(property.ContainingType)),
            IFieldSymbol field => Open(field.Type).Concat(Open(field.ContainingType)),
            IEventSymbol happening => Open(happening.ContainingType),
            ILocalSymbol local => Open(local.Type),
            IParameterSymbol parameter => Open(parameter.Type),
            _ => [],
        };
    }

    private static IEnumerable<INamedTypeSymbol> Open(ITypeSymbol? type) => type switch
    {
        IArrayTypeSymbol array => Open(array.ElementType),
        IPointerTypeSymbol pointer => Open(pointer.PointedAtType),
        INamedTypeSymbol { IsTupleType: true } tuple => tuple.TupleElements.SelectMany(e => Open(e.Type)),
        INamedTypeSymbol named => named.TypeArguments.SelectMany(Open).Append(named.ContainingType ?? named),
        _ => [],
    };

    // Namespaces are folders (another test holds that), also of projects that are only there as libraries.
    private static string? FolderOf(INamedTypeSymbol type) => type.ContainingNamespace.ToDisplayString() switch
    {
        "FFmpeg.AutoGen" => Bindings,
        var name when name.StartsWith($"{Company}.", StringComparison.Ordinal) => name[(Company.Length + 1)..].Replace('.', '/'),
        _ => null,
    };
}
