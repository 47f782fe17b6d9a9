using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>
/// The rolling denoising batch: row i holds a chunk at step i and has its own cache lane. Each tick shifts the rows down by one, puts the
/// new chunk into row 0, runs the network once on all rows, takes the last row as clean and re-noises the others to the timestep of their
/// next row.
/// </summary>
internal sealed class StreamBatch : StreamDenoiser
{
    private readonly TickRow[] _rows;
    private readonly double[] _timesteps;
    private Tensor? _latents;

    public StreamBatch(CausalWanModel model, PromptContext prompt, INoiseSource noise, DenoiserOptions options)
        : base(model, prompt, noise, options, lanes: options.Timesteps.Count)
    {
        _rows = new TickRow[options.Timesteps.Count];
        _timesteps = [.. options.Timesteps];
    }

    public override int Delay => _rows.Length - 1;

    /// <summary>All rows after the last tick, [steps, frames, 16, h, w]: re-noised for their next step, the last one clean.</summary>
    /// <exception cref="InvalidOperationException">The stream has not begun.</exception>
    public Tensor Rows => _latents ?? throw new InvalidOperationException("the stream has not begun: call Prepare first");

    public override Tensor Next(Tensor noisy, long startFrame, double? firstTimestep)
    {
        using var scope = NewDisposeScope();
        ShiftIn(noisy, startFrame);
        _timesteps[0] = firstTimestep ?? Options.Timesteps[0];

        var flow = RunNetwork(Rows, _rows, _timesteps);
        for (var row = 0; row < _rows.Length; row++)
        {
            var clean = Schedule.Denoise(Rows.narrow(0, row, 1), flow.narrow(0, row, 1), _timesteps[row]);
            Rows.narrow(0, row, 1).copy_(row < _rows.Length - 1 ? Renoise(clean, Options.Timesteps[row + 1]) : clean);
        }
        return Rows.narrow(0, _rows.Length - 1, 1).clone().MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _latents?.Dispose();
        base.Dispose(disposing);
    }

    protected override void Started(Tensor noisy)
    {
        for (var row = 0; row < _rows.Length; row++)
        {
            if (row > 0)
                Cache.CopyLane(0, row);
            // Rows that no chunk has reached yet idle at the place of the next chunk.
            _rows[row] = new TickRow(row, NextFrame * Options.Geometry.FrameTokens);
        }
    }

    private void ShiftIn(Tensor noisy, long startFrame)
    {
        _latents ??= zeros([_rows.Length, .. noisy.shape[1..]], dtype: ScalarType.Float32, device: noisy.device).DetachFromDisposeScope();
        for (var row = _rows.Length - 1; row > 0; row--)
        {
            _latents.narrow(0, row, 1).copy_(_latents.narrow(0, row - 1, 1));
            _rows[row] = new TickRow(row, _rows[row - 1].Position);
        }
        _latents.narrow(0, 0, 1).copy_(noisy);
        _rows[0] = new TickRow(0, startFrame * Options.Geometry.FrameTokens);
    }
}
