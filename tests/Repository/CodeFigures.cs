using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace StreamDiff.Repository.Tests;

/// <summary>How large the code of a checkout is, as its syntax has it: <c>scripts/code-figures</c>.</summary>
internal static class CodeFigures
{
    /// <summary>A table with a row for each checkout. Tokens count the same however lines are broken.</summary>
    /// <param name="roots">Folders that hold a src; what is generated or built in it does not count.</param>
    public static void Print(IEnumerable<string> roots)
    {
        Console.WriteLine("| | files | lines | tokens | types | methods | longest method by lines | by tokens |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var root in roots)
            Console.WriteLine($"| {Path.GetFileName(root)} | {Row(Path.Combine(root, "src"))} |");
    }

    private static string Row(string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(f => !RepositoryFiles.IsBuilt(f) && !f.Contains("/Generated/", StringComparison.Ordinal)).ToList();
        var roots = files.Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), path: f).GetRoot()).ToList();
        var nodes = roots.SelectMany(r => r.DescendantNodes()).ToList();
        var types = nodes.Count(n => n is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax);
        var methods = nodes.Where(n => n is BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax or AccessorDeclarationSyntax)
            .Select(n => (Node: n, Lines: Lines(n), Tokens: n.DescendantTokens().Count())).ToList();
        var (longest, largest) = (methods.MaxBy(m => m.Lines), methods.MaxBy(m => m.Tokens));
        return $"{files.Count} | {files.Sum(f => File.ReadLines(f).Count())} | {roots.Sum(r => r.DescendantTokens().Count())} | {types} | "
            + $"{methods.Count} | {longest.Lines}, {NameOf(longest.Node)} | {largest.Tokens}, {NameOf(largest.Node)}";
    }

    private static int Lines(SyntaxNode node)
    {
        var span = node.SyntaxTree.GetLineSpan(node.Span);
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }

    private static string NameOf(SyntaxNode method)
    {
        var name = method switch
        {
            MethodDeclarationSyntax m => m.Identifier.Text,
            LocalFunctionStatementSyntax f => f.Identifier.Text,
            _ => "constructor or accessor",
        };
        return $"{method.Ancestors().OfType<BaseTypeDeclarationSyntax>().First().Identifier.Text}.{name}";
    }
}
