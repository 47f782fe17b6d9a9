using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Models.Wan;

/// <summary>The rows that go through the network together.</summary>
public sealed class Tick
{
    /// <summary>One entry per row.</summary>
    public required TickRow[] Rows { get; init; }

    /// <summary>Denoising timestep of each row, 0 to 1000.</summary>
    public required double[] Timesteps { get; init; }

    /// <summary>Latent frames per row.</summary>
    public required int Frames { get; init; }

    /// <summary>Rows of tokens in a frame, H/16.</summary>
    public required int GridRows { get; init; }

    /// <summary>Columns of tokens in a frame, W/16.</summary>
    public required int GridColumns { get; init; }

    /// <summary>The prompt of each row.</summary>
    public required IReadOnlyList<PromptContext> Prompts { get; init; }
}
