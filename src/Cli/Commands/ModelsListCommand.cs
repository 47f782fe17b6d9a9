using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models list</c>.</summary>
internal sealed class ModelsListCommand : Command
{
    public ModelsListCommand()
        : base("list", "Show every model found, its size, and whether its files are there.")
    {
        SetAction(_ => Run());
    }

    private static int Run()
    {
        var catalog = new ModelCatalog();
        if (catalog.Names.Count == 0)
        {
            Say.Error($"no models were found; set {ModelCatalog.FolderVariable} to a folder of models");
            return ExitCode.Failed;
        }
        var failed = false;
        var width = catalog.Names.Max(n => n.Length);
        foreach (var name in catalog.Names)
        {
            try
            {
                Console.Out.WriteLine(Line(catalog.Find(name), width));
            }
            catch (Models.ModelException e)
            {
                failed = true;
                Say.Error(e.Message);
            }
        }
        return failed ? ExitCode.Failed : ExitCode.Ok;
    }

    private static string Line(Model model, int width)
    {
        var files = ModelFiles.Check(model, hash: false);
        var missing = files.Count(f => !f.Usable);
        var state = missing == 0
            ? "ready"
            : $"{missing} of {files.Count} files missing, {ByteSize.Text(files.Where(f => !f.Usable).Sum(f => f.File.Size ?? 0))} to pull";
        return $"{model.Name.PadRight(width)}  {model.Config.DefaultSize,-9} {state,-38}  {model.Config.Description}";
    }
}
