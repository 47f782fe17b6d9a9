using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary><c>export</c>: the transformer of a training that is still going on, to be looked at.</summary>
internal sealed class ExportCommand : Command
{
    private readonly Option<string> _model = new("--model")
    {
        Description = "Model whose sizes are trained, by name or folder.",
        DefaultValueFactory = _ => "tiny",
    };
    private readonly Argument<string> _state = new("STATE") { Description = "transformer.state.safetensors of the training." };
    private readonly Argument<string> _result = new("RESULT") { Description = "File to write." };

    public ExportCommand()
        : base("export", "Write the averaged weights that an unfinished training has reached.")
    {
        Add(_model);
        Add(_state);
        Add(_result);
        SetAction(parse => Run(parse.GetValue(_model)!, parse.GetValue(_state)!, parse.GetValue(_result)!));
    }

    private static int Run(string name, string state, string result)
    {
        LibTorch.Load();
        var model = new ModelCatalog().Find(name);
        if (!File.Exists(state))
            throw new ModelException($"{state} is missing: a training writes it every two minutes");
        using var initial = new RandomWeightSource(0);
        using var weights = new TrainableWeights(initial, 16 << 20, CPU);
        weights.Begin("dit");
        using var transformer = CausalWanModel.Load(ModelBundle.TransformerConfig(model.Config), .., weights, CPU, ScalarType.Float32);
        using var optimiser = new AdamW(weights);
        var step = TrainingState.Resume(state, optimiser);
        using var half = optimiser.Average.to_type(ScalarType.BFloat16);
        SafetensorsWriter.Write(result, [.. weights.Named(half, "dit")]);
        Console.WriteLine($"{result}: step {step}");
        return 0;
    }
}
