using System.CommandLine;
using StreamDiff.Cli.Output;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models check</c>.</summary>
internal sealed class ModelsCheckCommand : Command
{
    private readonly Argument<string?> _name = new("NAME") { Arity = ArgumentArity.ZeroOrOne, Description = "A model, or the path of its folder. Default: every model." };
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
        var wrong = 0;
        foreach (var model in (name is null ? catalog.Names : [name]).Select(catalog.Find))
        {
            Console.Out.WriteLine($"{model.Name} in {model.WeightsFolder}");
            foreach (var check in ModelFiles.Check(model, hash, cancellation: signals.Token))
            {
                wrong += check.Usable ? 0 : 1;
                Console.Out.WriteLine($"  {Word(check.State),-12}  {check.File.Path}{(check.Advice.Length > 0 ? $": {check.Advice}" : "")}");
            }
        }
        return wrong == 0 ? ExitCode.Ok : ExitCode.Failed;
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
