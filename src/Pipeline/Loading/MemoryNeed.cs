using System.Globalization;
using System.Runtime.InteropServices;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Placement;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Loading;

/// <summary>
/// About how much memory a stream of a model takes on a device: the transformer's weights and KV cache, which are counted, and what the
/// autoencoder works with, which is estimated by its widest layer. For what is told when memory is exhausted.
/// </summary>
/// <param name="Model">The model.</param>
/// <param name="Vae">taehv or wan.</param>
/// <param name="Size">Of the frames.</param>
/// <param name="Steps">Denoising steps.</param>
public sealed record MemoryNeed(Model Model, string Vae, (int Width, int Height) Size, int Steps)
{
    // What a card must keep free for libraries and for holes between what is allocated.
    private const double Usable = 0.85;

    // Less than what failed by so much is worth a try.
    private const double Smaller = 0.8;

    // Copies of the widest layer's channels that are there at once, four frames of each.
    private const double TaehvCopies = 4 * 3;
    private const double WanCopies = 4 * 7;
    private const string SmallModel = "tiny";

    /// <summary>Which heads look back on the whole window; null, the default, for all.</summary>
    public HeadSplit? Heads { get; init; }

    /// <summary>What the cost of a model's transformer depends on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="size">Of the frames.</param>
    /// <param name="sampling">Steps and window.</param>
    /// <param name="split">Its heads, where some keep less of the window; null where all keep it.</param>
    public static NetworkShape Shape(ModelConfig model, (int Width, int Height) size, SamplingOptions sampling, HeadSplit? split = null)
    {
        var window = sampling.WithDefaultsOf(model).WindowFrames!.Value;
        return new NetworkShape
        {
            Blocks = model.Dit.NumLayers,
            Dim = model.Dit.Dim,
            FfnDim = model.Dit.FfnDim,
            Heads = model.Dit.NumHeads,
            FrameTokens = size.Width / 16 * (size.Height / 16),
            WindowFrames = window,
            CacheShares = split is null
                ? null
                : [.. Enumerable.Range(0, model.Dit.NumLayers).Select(block => split.ShareHeld(block, model.Dit.NumHeads, window))],
            TextLength = model.Dit.TextLen,
            Steps = sampling.Steps,
        };
    }

    /// <summary>Bytes, about.</summary>
    /// <param name="elementBytes">Of a weight: 2 for bfloat16, 4 for float32.</param>
    public double Bytes(int elementBytes)
    {
        var shape = Shape(Model.Config, Size, new SamplingOptions { Steps = Steps }, Heads) with { ElementBytes = elementBytes };
        return shape.WeightBytes(0, shape.Blocks) + shape.CacheBytes(0, shape.Blocks)
            + elementBytes * ValuesPerPixel * Size.Width * Size.Height;
    }

    /// <summary>
    /// In the place of an exception that says that memory is exhausted, one that says what would fit; others as they are.
    /// </summary>
    /// <param name="error">What happened.</param>
    /// <param name="target">Where it was computed.</param>
    /// <param name="total">Bytes that the device has; 0 where that is not known.</param>
    public Exception Explained(Exception error, ComputeTarget target, double? total = null)
    {
        if (!HostMemory.IsExhausted(error) || error is ModelException)
            return error;
        var bytes = target.Type == ScalarType.Float32 ? sizeof(float) : sizeof(short);
        var (there, need) = (total ?? Total(target.Device), Bytes(bytes));
        var budget = Math.Min(there > 0 ? Usable * there : double.MaxValue, Smaller * need);
        var fitting = SmallerOnes().Where(n => n.Bytes(bytes) <= budget).Distinct().Take(2).Select(n => n.Text(bytes)).ToList();
        return new ModelException(string.Create(CultureInfo.InvariantCulture,
            $"out of memory on {target.Device}{(there > 0 ? $", which has {there / 1e9:0.0} GB" : "")}: {Text(bytes)} does not fit beside "
            + $"what else is there; what would: {(fitting.Count > 0 ? string.Join(", or ", fitting) : $"the model {SmallModel}")}"), error);
    }

    private string Text(int bytes) => string.Create(CultureInfo.InvariantCulture,
        $"{Model.Name} at {Size.Width}x{Size.Height} with {Vae} and {Steps} step{(Steps == 1 ? "" : "s")} "
        + $"(about {Bytes(bytes) / 1e9:0.0} GB)");

    private double ValuesPerPixel => (Vae, Model.Config.Vae) switch
    {
        ("wan", { Wan: { } wan }) => WanCopies * wan.Dim,
        (_, { Taehv: { } small }) => TaehvCopies * Math.Max(small.EncoderWidths[0], small.DecoderWidths[^1])
            / (small.PatchSize * small.PatchSize),
        _ => 0,
    };

    // What is lost least comes first.
    private IEnumerable<MemoryNeed> SmallerOnes()
    {
        var light = Model.Config.Vae.Names.Contains("taehv") ? this with { Vae = "taehv" } : this;
        foreach (var share in (double[])[1, 0.5, 0.25])
            foreach (var need in (MemoryNeed[])[this, light])
                foreach (var steps in (int[])[Steps, 1])
                    yield return need with { Steps = steps, Size = (Side(Size.Width, share), Side(Size.Height, share)) };
    }

    private static int Side(int side, double share) => share == 1 ? side : Math.Max(64, (int)(side * Math.Sqrt(share)) & ~15);

    private static double Total(Device device) => device.type == DeviceType.CPU
        ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes
        : NvidiaDriver.Find()?.Cards.ElementAtOrDefault(Math.Max(device.index, 0))?.Bytes ?? 0;
}
