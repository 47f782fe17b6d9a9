using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// What a denoising timestep tells the network: a sinusoid through two small networks. It depends on the timestep alone and a stream uses
/// few of them, so results are kept. Computed in float32 whatever the model's type.
/// </summary>
internal sealed class TimestepEmbedding : IDisposable
{
    // The noise controller moves the first timestep within a hundred integers; more than this means many schedules at once.
    private const int MostKept = 512;

    private readonly WanConfig _config;
    private readonly Linear _embed0;
    private readonly Linear _embed2;
    private readonly Linear _project;
    private readonly Device _device;
    private readonly Dictionary<double, Entry> _kept = [];

    public TimestepEmbedding(WanConfig config, WeightLoader weights)
    {
        var exact = weights.As(ScalarType.Float32);
        _config = config;
        _device = weights.Device;
        _embed0 = new Linear(exact.In("time_embedding.0"), config.FrequencyDim, config.Dim);
        _embed2 = new Linear(exact.In("time_embedding.2"), config.Dim, config.Dim);
        _project = new Linear(exact.In("time_projection.1"), config.Dim, 6L * config.Dim);
    }

    /// <summary>
    /// For lanes of one tick: the head's part [rows, 1, 1, dim] and the blocks' part [rows, 1, 6, dim]. The caller disposes both.
    /// </summary>
    public (Tensor Head, Tensor Blocks) Forward(ReadOnlySpan<double> timesteps)
    {
        using var scope = NewDisposeScope();
        // Gradients have to flow through the small networks: nothing is kept while training.
        if (is_grad_enabled())
        {
            var fresh = Compute(timesteps);
            return (Shaped(fresh.Head, 1).MoveToOuterDisposeScope(), Shaped(fresh.Blocks, 6).MoveToOuterDisposeScope());
        }
        var heads = new Tensor[timesteps.Length];
        var blocks = new Tensor[timesteps.Length];
        for (var row = 0; row < timesteps.Length; row++)
            (heads[row], blocks[row]) = Of(timesteps[row]);
        return (Shaped(stack(heads), 1).MoveToOuterDisposeScope(), Shaped(stack(blocks), 6).MoveToOuterDisposeScope());
    }

    /// <summary>The weights have changed: what was kept is of the old ones.</summary>
    public void Changed() => Forget();

    public void Dispose() => Forget();

    private Entry Of(double timestep)
    {
        if (_kept.TryGetValue(timestep, out var entry))
            return entry;
        if (_kept.Count >= MostKept)
            Forget();
        entry = Compute([timestep]);
        entry.Head.DetachFromDisposeScope();
        entry.Blocks.DetachFromDisposeScope();
        return _kept[timestep] = entry;
    }

    private Tensor Shaped(Tensor x, int parts) => x.view(-1, 1, parts, _config.Dim);

    private Entry Compute(ReadOnlySpan<double> timesteps)
    {
        var wave = TimestepSinusoid.Of(timesteps, _config.FrequencyDim, _device);
        var head = _embed2.Forward(nn.functional.silu(_embed0.Forward(wave)));
        var blocks = _project.Forward(nn.functional.silu(head));
        return new Entry(head, blocks);
    }

    private void Forget()
    {
        foreach (var entry in _kept.Values)
        {
            entry.Head.Dispose();
            entry.Blocks.Dispose();
        }
        _kept.Clear();
    }

    private readonly record struct Entry(Tensor Head, Tensor Blocks);
}
