using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Models.Conversion;
using StreamDiff.Models.Files;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models convert</c>.</summary>
internal sealed class ModelsConvertCommand : Command, ITellingCommand
{
    private readonly Argument<string> _file = new("FILE")
    {
        Description = "A transformer of Wan 2.1 in one file as ComfyUI or diffusers save it, an index of several, or a .pt.",
    };
    private readonly Option<string?> _model = new("--model", "-m")
    {
        HelpName = "NAME",
        Description = "The model whose sizes it has; its settings are taken over, its other files belong to the new one. Default: the one "
            + "whose sizes fit.",
    };
    private readonly Option<string?> _output = new("--output", "-o")
    {
        HelpName = "DIR",
        Description = "Folder of the new model. Default: one of the file's name in the user's folder of models.",
    };

    public ModelsConvertCommand()
        : base("convert", "Make a model of a checkpoint whose tensors have other names. Example: streamdiff models convert "
            + "wan2.1_t2v_1.3B_bf16.safetensors")
    {
        Add(_file);
        Add(_model);
        Add(_output);
        SetAction(parse => Run(parse.GetRequiredValue(_file), parse.GetValue(_model), parse.GetValue(_output)));
    }

    private static int Run(string file, string? name, string? output)
    {
        if (!File.Exists(file) && !Directory.Exists(file))
            return Usage.Report([$"there is no {file}"], "models convert");
        var catalog = new ModelCatalog();
        IReadOnlyList<Model> bases = name is not null ? [catalog.Find(name)] : [.. catalog.Names.Select(catalog.TryFind).OfType<Model>()];
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(file));
        var own = Directory.Exists(full) ? Path.GetFileName(full) : Path.GetFileNameWithoutExtension(full);
        if (output is null && catalog.Names.Contains(own))
            return Usage.Report([$"there is a model named {own} already: give --output"], "models convert");
        var folder = output ?? UserFolder.Data("models", own);
        using var signals = new CancelOnSignal();
        var made = ModelConversion.Convert(file, bases, folder, signals.Token);
        var scaled = made.Scaled > 0 ? $", {made.Scaled} of them from float8 with factors to bfloat16" : "";
        Console.Out.WriteLine($"{made.Tensors} tensors of {made.Base}'s sizes{scaled}, in {made.Folder}");
        var model = new ModelCatalog().Find(output is null ? made.Name : Path.GetFullPath(made.Folder));
        if (ModelFiles.Obstacles(model, model.Config.Vae.Default).Any())
            Console.Out.WriteLine($"the other files: streamdiff models pull {(output is null ? made.Name : made.Folder)}");
        return ExitCode.Ok;
    }
}
