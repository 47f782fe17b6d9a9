using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Data;
using StreamDiff.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary>
/// <c>train</c>: autoencoder, text encoder, transformer, one after the other. A part whose result is there already is not trained again.
/// </summary>
internal sealed class TrainCommand : Command
{
    private readonly Option<string> _model = new("--model")
    {
        Description = "Model whose sizes are trained, by name or folder.",
        DefaultValueFactory = _ => "tiny",
    };
    private readonly Option<string> _folder = new("--folder")
    {
        Description = "Where checkpoints, figures and results go.",
        DefaultValueFactory = _ => "out/training",
    };
    private readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<int> _seed = new("--seed") { Description = "Of weights, data and noise.", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _clips = new("--clip-count") { Description = "Clips to draw from.", DefaultValueFactory = _ => 700 };
    private readonly Option<string[]> _library = new("--clips")
    {
        Description = "A folder of photographs, cut-outs and video to film clips from; may be repeated. Without any, all clips are drawn.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<long> _vaeSteps = new("--vae-steps")
    {
        Description = "Steps of the autoencoder.",
        DefaultValueFactory = _ => 5000,
    };
    private readonly Option<long> _steps = new("--steps")
    {
        Description = "Steps of the transformer; 0 leaves it out.",
        DefaultValueFactory = _ => 6000,
    };
    private readonly Option<int> _vaeBatch = new("--vae-batch")
    {
        Description = "Clips per step of the autoencoder.",
        DefaultValueFactory = _ => 4,
    };
    private readonly Option<int> _batch = new("--batch")
    {
        Description = "Clips per step of the transformer.",
        DefaultValueFactory = _ => 20,
    };
    private readonly Option<double?> _vaeSeconds = new("--vae-seconds") { Description = "End the autoencoder's training after this time." };
    private readonly Option<double?> _seconds = new("--seconds") { Description = "End the transformer's training after this time." };
    private readonly Option<double> _vaeRate = new("--vae-rate")
    {
        Description = "Highest learning rate of the autoencoder.",
        DefaultValueFactory = _ => 1.5e-3,
    };
    private readonly Option<double> _rate = new("--rate")
    {
        Description = "Highest learning rate of the transformer.",
        DefaultValueFactory = _ => 8e-4,
    };
    private readonly Option<string?> _vaeStart = new("--vae-start") { Description = "Weights of an autoencoder to start from." };
    private readonly Option<bool> _decoderOnly = new("--vae-decoder-only")
    {
        Description = "Train the autoencoder's decoder alone, from --vae-start: latents stay what the transformer was trained on.",
    };
    private readonly Option<float> _squares = new("--vae-squares")
    {
        Description = "Weight of squared errors in the autoencoder's loss.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<float> _noisyShare = new("--vae-noisy")
    {
        Description = "Share of steps in which the decoder gets noise on its latents.",
        DefaultValueFactory = _ => 0.5f,
    };
    private readonly Option<float> _plainShare = new("--vae-plain")
    {
        Description = "Share of the autoencoder's clips that are painted in no style.",
        DefaultValueFactory = _ => 0.6f,
    };
    private readonly Option<string[]> _check = new("--vae-check")
    {
        Description = "A folder of video, as files or as folders of numbered frames, that the autoencoder is judged by every minute and "
            + "not trained on; may be repeated.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<long> _textSteps = new("--text-steps")
    {
        Description = "Steps of the text encoder; 0 leaves it out.",
        DefaultValueFactory = _ => 2500,
    };
    private readonly Option<int> _textBatch = new("--text-batch")
    {
        Description = "Prompts per step of the text encoder.",
        DefaultValueFactory = _ => 48,
    };
    private readonly Option<int> _latentFrames = new("--latent-frames")
    {
        Description = "Most latent frames of the transformer's clips; each step takes between 3 and these.",
        DefaultValueFactory = _ => 3,
    };
    private readonly Option<int> _crop = new("--crop")
    {
        Description = "Side of the pieces that most of the transformer's clips are cut to, in pixels; 0 leaves them whole.",
        DefaultValueFactory = _ => 128,
    };
    private readonly Option<int> _vaeCrop = new("--vae-crop")
    {
        Description = "Side of the pieces that the autoencoder's clips are cut to, in pixels: convolutions do not care where they are, "
            + "pieces teach the same for less.",
        DefaultValueFactory = _ => 128,
    };
    private readonly Option<float> _pictures = new("--pictures")
    {
        Description = "Weight of what the transformer's result looks like when decoded; 0 leaves it out.",
        DefaultValueFactory = _ => 0.3f,
    };
    private readonly Option<float> _laterSteps = new("--later-steps")
    {
        Description = "Share of steps in which the transformer denoises its own result again.",
        DefaultValueFactory = _ => 0.15f,
    };
    private readonly Option<string?> _start = new("--start") { Description = "Weights of a transformer to start from." };
    private readonly Option<string[]> _forget = new("--forget")
    {
        Description = "Parts of the names of weights that start anew although there is a start.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<int> _logEvery = new("--log-every")
    {
        Description = "Steps between two lines of figures.",
        DefaultValueFactory = _ => 100,
    };
    private readonly Option<int> _width = new("--width") { Description = "Width of the clips.", DefaultValueFactory = _ => 320 };
    private readonly Option<int> _height = new("--height") { Description = "Height of the clips.", DefaultValueFactory = _ => 192 };

    public TrainCommand()
        : base("train", "Train from nothing. Stops and goes on where it was; every figure goes to a CSV file.")
    {
        foreach (var option in (Option[])
        [
            _model, _folder, _device, _seed, _clips, _library, _vaeSteps, _steps, _vaeBatch, _batch, _vaeSeconds, _seconds, _vaeRate, _rate,
            _vaeStart, _decoderOnly, _squares, _noisyShare, _plainShare, _check,
            _textSteps, _textBatch, _latentFrames, _crop, _vaeCrop, _pictures, _laterSteps, _start, _forget, _logEvery,
            _width, _height,
        ])
            Add(option);
        SetAction((parse, cancel) => Task.Run(() => Run(parse, cancel), cancel));
    }

    private int Run(ParseResult parse, CancellationToken cancel)
    {
        LibTorch.Load();
        // Ten bits of mantissa are enough for gradients, and several times faster.
        backends.cuda.matmul.allow_tf32 = true;
        backends.cudnn.allow_tf32 = true;
        var device = new Device(parse.GetValue(_device) is { } name && name != "auto" ? name : cuda.is_available() ? "cuda" : "cpu");
        var model = new ModelCatalog().Find(parse.GetValue(_model)!);
        var folder = Path.GetFullPath(parse.GetValue(_folder)!);
        Directory.CreateDirectory(folder);
        Console.WriteLine($"{model.Name} on {device}, into {folder}");

        if (parse.GetValue(_decoderOnly) && parse.GetValue(_vaeStart) is null)
            throw new ModelException("--vae-decoder-only needs the weights whose encoder stays as it is: --vae-start FILE");
        using var library = parse.GetValue(_library) is { Length: > 0 } folders ? PictureLibrary.Load(folders, device) : null;
        using var check = parse.GetValue(_check) is { Length: > 0 } judged ? PictureLibrary.Load(judged, device) : null;
        if (library is not null)
            Console.WriteLine(
                $"{library.Stills.Count} photographs, {library.CutOuts.Count} cut-outs, {library.Videos.Count} videos to film clips from");

        var vaeFile = Path.Combine(folder, "taehv.safetensors");
        if (!File.Exists(vaeFile))
            new VaeTrainer(Plan(parse, library, _vaeSteps, _vaeBatch, _vaeSeconds, parse.GetValue(_vaeRate)) with
            {
                Start = parse.GetValue(_vaeStart),
                Crop = parse.GetValue(_vaeCrop),
                DecoderOnly = parse.GetValue(_decoderOnly),
                Squares = parse.GetValue(_squares),
                NoisyShare = parse.GetValue(_noisyShare),
                PlainShare = parse.GetValue(_plainShare),
                Check = check,
            }, ModelBundle.TaehvConfig(model.Config), device).Run(vaeFile, cancel);
        var textFile = Path.Combine(folder, "text_encoder.safetensors");
        if (!File.Exists(textFile) && parse.GetValue(_textSteps) > 0)
            new TextTrainer(Plan(parse, library, _textSteps, _textBatch, null, 1e-3), model, device).Run(textFile, cancel);
        var transformerFile = Path.Combine(folder, "transformer.safetensors");
        if (!File.Exists(transformerFile) && parse.GetValue(_steps) > 0)
        {
            using var vaeWeights = CheckpointFile.Open(vaeFile, StateDictRule.AsStored);
            using var textWeights = CheckpointFile.Open(textFile, StateDictRule.AsStored);
            var vaeType = device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32;
            using var vae = Taehv.Load(ModelBundle.TaehvConfig(model.Config), vaeWeights, device, vaeType);
            using var text = Umt5Encoder.Load(ModelBundle.TextEncoderConfig(model.Config), textWeights, device, ScalarType.Float32);
            var plan = Plan(parse, library, _steps, _batch, _seconds, parse.GetValue(_rate)) with
            {
                LatentFrames = parse.GetValue(_latentFrames),
                Crop = parse.GetValue(_crop) is > 0 and var side ? side : null,
                Pictures = parse.GetValue(_pictures),
                LaterSteps = parse.GetValue(_laterSteps),
                Start = parse.GetValue(_start),
                Forget = parse.GetValue(_forget)!,
            };
            new TransformerTrainer(plan, model, device).Run(vae, text, transformerFile, cancel);
        }
        foreach (var figures in Directory.GetFiles(folder, "*.csv"))
            LossCurves.Draw(figures);
        return 0;
    }

    private TrainingPlan Plan(
        ParseResult parse, PictureLibrary? library, Option<long> steps, Option<int> batch, Option<double?>? seconds, double rate)
    {
        return new TrainingPlan
        {
            Folder = Path.GetFullPath(parse.GetValue(_folder)!),
            Steps = parse.GetValue(steps),
            Batch = parse.GetValue(batch),
            Clips = parse.GetValue(_clips),
            Width = parse.GetValue(_width),
            Height = parse.GetValue(_height),
            Seed = parse.GetValue(_seed),
            Rate = rate,
            Library = library,
            Seconds = seconds is null ? null : parse.GetValue(seconds),
            LogEvery = parse.GetValue(_logEvery),
        };
    }
}
