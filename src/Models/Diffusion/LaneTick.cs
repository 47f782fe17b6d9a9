using StreamDiff.Models.Wan;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>One pass of the network over rows of any streams of one pool.</summary>
public static class LaneTick
{
    /// <summary>Runs the rows. Issues work only; waits for the device no more than the network itself does.</summary>
    /// <param name="model">A model that holds all blocks.</param>
    /// <param name="rows">Rows that are ready, of equal frame counts, all of streams of one pool; in any order.</param>
    /// <exception cref="InvalidOperationException">A row cannot run now, or the rows do not go together.</exception>
    public static void Run(CausalWanModel model, IReadOnlyList<(LaneStream Stream, ReadyRow Row)> rows)
    {
        if (rows.Count == 0 || rows.Any(r => r.Stream.Pool != rows[0].Stream.Pool || r.Row.Frames != rows[0].Row.Frames) || rows.Distinct().Count() != rows.Count)
            throw new InvalidOperationException("the rows of a tick are different ones, have the same number of latent frames and share a pool");
        using var scope = NewDisposeScope();
        // Neighbouring lanes attend in one call.
        var work = rows.Select(r => r.Stream.Begin(r.Row)).OrderBy(w => w.Row.Lane).ToArray();
        // Drawn first: on a device the upload would otherwise wait for the network.
        var noise = Array.ConvertAll(work, w => w.Stream.NoiseAfter(w.Chunk));
        var options = work[0].Stream.Options;
        var tick = new Tick
        {
            Rows = Array.ConvertAll(work, w => w.Row),
            Timesteps = Array.ConvertAll(work, w => w.Timestep),
            Frames = work[0].Chunk.Frames,
            GridRows = options.GridRows,
            GridColumns = options.GridColumns,
            Prompt = work[0].Chunk.Settings.Prompt,
            Prompts = Array.ConvertAll(work, w => w.Chunk.Settings.Prompt),
        };
        var latents = work.Length == 1 ? work[0].Chunk.Latents : cat(Array.ConvertAll(work, w => w.Chunk.Latents));
        var flow = model.Forward(latents, tick, work[0].Stream.Pool);
        for (var row = 0; row < work.Length; row++)
        {
            var (stream, chunk, _) = work[row];
            var clean = stream.Schedule.Denoise(chunk.Latents, flow.narrow(0, row, 1), work[row].Timestep);
            chunk.Advance(noise[row] is { } next ? stream.Schedule.AddNoise(clean, next, chunk.Settings.Timesteps[chunk.Done + 1]) : clean);
        }
    }
}
