using System.CommandLine;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models check</c>.</summary>
internal sealed class ModelsCheckCommand : Command
{
    private readonly Argument<string?> _name = new("NAME")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "A model, or the path of its folder. Default: every model.",
    };
    private readonly Option<bool> _quick = new("--quick") { Description = "Look at presence and size only." };

    public ModelsCheckCommand()
        : base("check", "Compare a model's files with its manifest: presence, size and sha256. Exit code 1 if one is missing or wrong.")
    {
        Add(_name);
        Add(_quick);
        SetAction(parse => Run(parse.GetValue(_name), !parse.GetValue(_quick)));
    }

    private static int Run(string? name, bool hash)
    {
        var catalog = new ModelCatalog();
        using var signals = new CancelOnSignal();
        var checking = FileText.Checking();
        var models = (name is null ? catalog.Names : [name]).Select(catalog.Find).ToList();
        var wrong = models.Sum(model =>
            Show(model, ModelFiles.Check(model, hash, read: checking, cancellation: signals.Token), named: name is not null));
        return wrong == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    // The number of files that are missing or wrong. A model that nobody asked for by name and nobody downloaded is no fault.
    private static int Show(Model model, IReadOnlyList<ModelFileCheck> files, bool named)
    {
        if (!named && files.All(f => f.State == ModelFileState.Missing))
        {
            Console.Out.WriteLine($"{model.Name} is not downloaded: {files[0].Remedy}");
            return 0;
        }
        Console.Out.WriteLine($"{model.Name} in {model.WeightsFolder}");
        foreach (var file in files)
            Console.Out.WriteLine($"  {Word(file.State),-12}  {file.File.Path}{(file.Usable ? "" : $" {file.Problem}: {file.Remedy}")}");
        return files.Count(f => !f.Usable);
    }

    private static string Word(ModelFileState state) => state switch
    {
        ModelFileState.Ok => "ok",
        ModelFileState.NotVerified => "not verified",
        ModelFileState.Missing => "missing",
        ModelFileState.WrongSize => "wrong size",
        _ => "wrong hash",
    };
}
