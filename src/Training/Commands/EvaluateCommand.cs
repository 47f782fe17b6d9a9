using System.CommandLine;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary><c>evaluate</c>: how good the model is, on inputs that it was not trained on.</summary>
internal sealed class EvaluateCommand : Command
{
    private static readonly string[] AllParts = ["clips", "vae", "targets", "styles", "grid", "prompts", "settings", "long"];

    // Prompts are many: the last drawn clip and the scene, beside the user's own.
    private const int PromptInputs = 2;

    private readonly Option<string> _model = new("--model") { Description = "Model by name or folder.", DefaultValueFactory = _ => "tiny" };
    private readonly Option<string> _folder = new("--folder")
    {
        Description = "Where tables and pictures go.",
        DefaultValueFactory = _ => "out/evaluation",
    };
    private readonly Option<string[]> _clips = new("--clip")
    {
        Description = "A video of your own to judge by as well, or a folder of its numbered pictures; may be repeated.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string[]> _parts = new("--part")
    {
        Description = $"Only some parts: {string.Join(", ", AllParts)}.",
        DefaultValueFactory = _ => AllParts,
    };
    private readonly Option<string[]> _styles = new("--style")
    {
        Description = "Only some styles, by name; may be repeated.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string> _type = new("--dtype")
    {
        Description = "auto, float32 or bfloat16, as in streamdiff run.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string> _device = new("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
    private readonly Option<int> _steps = new("--steps") { Description = "Denoising steps.", DefaultValueFactory = _ => 2 };

    public EvaluateCommand()
        : base("evaluate", "Measure reconstruction, styles, settings and long streams; write tables and a sheet of pictures.")
    {
        foreach (var option in (Option[])[_model, _folder, _clips, _parts, _styles, _device, _type, _steps])
            Add(option);
        _parts.AcceptOnlyFromAmong(AllParts);
        _styles.AcceptOnlyFromAmong([.. StyleBank.All.Select(s => s.Name)]);
        _type.AcceptOnlyFromAmong("auto", "float32", "bfloat16");
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        LibTorch.Load();
        using var quiet = inference_mode();
        var parts = parse.GetValue(_parts)!;
        var model = new ModelCatalog().Find(parse.GetValue(_model)!);
        var size = (model.Config.DefaultSize.Width, model.Config.DefaultSize.Height);
        var folder = Directory.CreateDirectory(parse.GetValue(_folder)!).FullName;
        var files = parse.GetValue(_clips)!;
        var type = Enum.Parse<ComputeType>(parse.GetValue(_type)!, ignoreCase: true);
        var target = ComputeTarget.Resolve(DeviceName.Parse(parse.GetValue(_device)!), type);
        using var models = ModelBundle.Load(model, null, target.Device, target.Type);
        var options = new SamplingOptions { Seed = 1, Steps = parse.GetValue(_steps) };
        var report = new Report();
        if (parts.Contains("clips"))
            VaeEvaluation.OfClips(models.Vae, files, size, report);
        if (parts.Contains("vae"))
            VaeEvaluation.Run(models.Vae, files, size, report);
        if (parts.Contains("targets"))
            TargetEvaluation.Run(models.Vae, StyleEvaluation.Clips(files, size), Styles(parse), size, report);
        if (parts.Contains("styles"))
            StyleEvaluation.Run(
                models, options, StyleEvaluation.Clips(files, size), Styles(parse), size, report, Path.Combine(folder, "styles.png"));
        if (parts.Contains("grid"))
            GridEvaluation.Run(models, options, Styles(parse), size, report);
        if (parts.Contains("prompts"))
            PromptEvaluation.Run(
                models, options, [.. StyleEvaluation.Clips(files, size).TakeLast(PromptInputs + files.Length)], size, report);
        if (parts.Contains("settings"))
            SettingsEvaluation.Run(models, options, size, report);
        if (parts.Contains("long"))
            SettingsEvaluation.LongRun(models, options, size, report);
        report.Write(folder);
        Console.WriteLine($"\n{folder}/evaluation.md, evaluation.json{(parts.Contains("styles") ? ", styles.png" : "")}");
        return 0;
    }

    private List<Style> Styles(ParseResult parse)
    {
        var wanted = parse.GetValue(_styles)!;
        return [.. StyleBank.All.Where(s => wanted.Length == 0 || wanted.Contains(s.Name))];
    }
}
