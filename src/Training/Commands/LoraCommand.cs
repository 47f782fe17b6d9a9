using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Training.Data;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Trainers;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary><c>lora</c>: a LoRA for the small model from a handful of pictures of a style.</summary>
internal sealed class LoraCommand : Command
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp"];
    private const int MostPictures = 200;

    private readonly Option<string> _pictures = new("--pictures")
    {
        Description = "Folder with pictures of the style, a few are enough.",
        Required = true,
    };
    private readonly Option<string> _output = new("--output") { Description = "The .safetensors file to write.", Required = true };
    private readonly Option<string> _model = new("--model")
    {
        Description = "The model that it is for.",
        DefaultValueFactory = _ => "tiny",
    };
    private readonly Option<string> _folder = new("--folder")
    {
        Description = "Where the state goes from which a training that was stopped goes on, and figures.",
        DefaultValueFactory = _ => "out/lora",
    };
    private readonly Option<string> _prompt = new("--prompt")
    {
        Description = "The prompt that it will be used with; it learns the style without a prompt too.",
        DefaultValueFactory = _ => "",
    };
    private readonly Option<int> _rank = new("--rank") { Description = "Of each layer's product, 1 to 64.", DefaultValueFactory = _ => 4 };
    private readonly Option<long> _steps = new("--steps") { Description = "Steps.", DefaultValueFactory = _ => 500 };
    private readonly Option<int> _clips = new("--clips") { Description = "Rendered clips to learn on.", DefaultValueFactory = _ => 64 };
    private readonly Option<int> _batch = new("--batch") { Description = "Clips per step.", DefaultValueFactory = _ => 6 };
    private readonly Option<double> _rate = new("--rate") { Description = "Highest learning rate.", DefaultValueFactory = _ => 4e-3 };
    private readonly Option<double?> _seconds = new("--seconds") { Description = "End after this time." };
    private readonly Option<int> _threads = new("--threads") { Description = "Compute threads. Default: all cores." };
    private readonly Option<int> _seed = new("--seed") { Description = "Of clips and noise.", DefaultValueFactory = _ => 1 };

    public LoraCommand()
        : base("lora", "Make a LoRA for the small model from a handful of pictures of a style. On the CPU, in a few minutes.")
    {
        foreach (var option in (Option[])
            [_pictures, _output, _model, _folder, _prompt, _rank, _steps, _clips, _batch, _rate, _seconds, _threads, _seed])
            Add(option);
        SetAction((parse, cancel) => Task.Run(() => Run(parse, cancel), cancel));
    }

    private int Run(ParseResult parse, CancellationToken cancel)
    {
        var (from, output) = (parse.GetRequiredValue(_pictures), parse.GetRequiredValue(_output));
        var rank = parse.GetValue(_rank);
        if (rank is < 1 or > 64)
            throw new ModelException($"--rank must be from 1 to 64, not {rank}");
        if (parse.GetValue(_steps) < 1 || parse.GetValue(_clips) < 1 || parse.GetValue(_batch) < 1)
            throw new ModelException("--steps, --clips and --batch must be at least 1");
        if (!Directory.Exists(from))
            throw new ModelException($"--pictures {from} is no folder");
        var files = Directory.GetFiles(from).Where(f => Extensions.Contains(Path.GetExtension(f).ToLowerInvariant()))
            .Order(StringComparer.Ordinal).Take(MostPictures).ToList();
        if (files.Count == 0)
            throw new ModelException($"--pictures {from} holds no picture ({string.Join(", ", Extensions)})");
        LibTorch.Load();
        if (parse.GetValue(_threads) is > 0 and var threads)
            ComputeThreads.Set(threads);
        var model = new ModelCatalog().Find(parse.GetValue(_model)!);
        var folder = Path.GetFullPath(parse.GetValue(_folder)!);
        Directory.CreateDirectory(folder);
        if (Path.GetDirectoryName(Path.GetFullPath(output)) is { } parent)
            Directory.CreateDirectory(parent);
        var plan = new TrainingPlan
        {
            Folder = folder,
            Steps = parse.GetValue(_steps),
            Batch = parse.GetValue(_batch),
            Clips = parse.GetValue(_clips),
            Width = 128,
            Height = 128,
            Seed = parse.GetValue(_seed),
            Rate = parse.GetValue(_rate),
            Seconds = parse.GetValue(_seconds),
            LaterSteps = 0.4f,
            LogEvery = 25,
        };
        Console.WriteLine($"{files.Count} pictures of {from}, {plan.Steps} steps, into {output}");
        using var pictures = stack([.. files.Select(f => ClipReader.Read(f, 1, 320, 192)[0])]);
        new LoraTrainer(plan, model, rank, parse.GetValue(_prompt)!).Run(pictures, output, cancel);
        using var made = LoraSet.Open(
            [new LoraChoice(output)], CausalWanModel.Shapes(ModelBundle.TransformerConfig(model.Config)), isLive: false);
        Console.WriteLine($"{made.Loras[0].Summary}, {new FileInfo(output).Length >> 10} KiB");
        return 0;
    }
}
