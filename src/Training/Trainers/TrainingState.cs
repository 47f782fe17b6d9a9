using StreamDiff.Models.Weights;
using StreamDiff.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>What is kept of an unfinished training, so that it can go on after an interruption.</summary>
internal static class TrainingState
{
    private const string StepName = "step";

    public static void Save(string path, AdamW optimiser, long step)
    {
        using var count = tensor(new[] { step });
        SafetensorsWriter.Write(path, [.. optimiser.State, new(StepName, count)]);
    }

    /// <summary>The step to go on with; 0 where nothing is kept.</summary>
    public static long Resume(string path, AdamW optimiser)
    {
        if (!File.Exists(path))
            return 0;
        using var file = SafetensorsFile.Open(path);
        using var count = file.View(StepName).clone();
        var step = count.item<long>();
        optimiser.Resume(file.View, step);
        return step;
    }
}
