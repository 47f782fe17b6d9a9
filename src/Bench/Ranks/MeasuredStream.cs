using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Ranks;

/// <summary>
/// A stream of one chunk for each tick, as files have it, without a VAE: one tick of all rows that are ready whenever a chunk comes.
/// </summary>
internal sealed class MeasuredStream : IDisposable
{
    private readonly TickQueue _ticks;
    private readonly KeyedNoise _noise;
    private readonly LanePool _pool;
    private readonly IPrompt _prompt;
    private readonly LaneStream _stream;
    private readonly double[] _timesteps;

    /// <param name="runner">Stays the caller's.</param>
    /// <param name="options">How it is denoised.</param>
    /// <param name="prompt">float32 [1, tokens, text_dim]; stays the caller's.</param>
    /// <param name="firstTimestep">Of all chunks.</param>
    public MeasuredStream(ITickRunner runner, DenoiserOptions options, Tensor prompt, double firstTimestep)
    {
        _ticks = new TickQueue(runner);
        _noise = new KeyedNoise(runner.Device);
        _pool = runner.CreatePool(options, options.Timesteps.Count);
        _prompt = runner.Encode(prompt);
        _stream = new LaneStream(_ticks, _pool, options, _noise, 1);
        _timesteps = [firstTimestep, .. options.Timesteps.Skip(1)];
    }

    /// <summary>Called with each clean chunk, which is gone afterwards.</summary>
    public Action<Tensor>? Done { get; init; }

    /// <summary>Feeds a chunk and issues a tick; waits while as many as may be are in flight.</summary>
    public void Feed(Tensor noisy)
    {
        var number = _stream.Admit(noisy, new ChunkSettings(_prompt, _timesteps));
        do
            Tick();
        while (number == 0 && !_stream.IsIssued(0));
    }

    /// <summary>Everything that is in flight comes out.</summary>
    public void Drain()
    {
        while (_stream.InFlight > 0)
            Tick();
    }

    public void Dispose()
    {
        _stream.Dispose();
        _prompt.Dispose();
        _pool.Dispose();
        _noise.Dispose();
        _ticks.Dispose();
    }

    private void Tick()
    {
        while (!_ticks.HasRoom)
            _ticks.Collect(wait: true);
        var ready = _stream.Ready;
        if (ready.Count > 0)
            _ticks.Issue([.. ready.Where(r => r.Frames == ready[0].Frames).Select(r => (_stream, r))]);
        else if (_ticks.InFlight > 0)
            _ticks.Collect(wait: true);
        while (_ticks.Collect(wait: false))
        {
        }
        while (_stream.TryTake(out _, out var clean))
            using (clean)
                Done?.Invoke(clean);
    }
}
