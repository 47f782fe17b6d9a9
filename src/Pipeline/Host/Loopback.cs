using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// What came out of a stream on its way in again, as latents: always that of the chunk so many before, however fast anything is, so that
/// a replay does the same. Holds nothing while nobody wants it. For the device's thread.
/// </summary>
internal sealed class Loopback : IDisposable
{
    private const int MostSteps = 4;

    private readonly Dictionary<long, Tensor> _kept = [];
    private long _done = -1;
    private int _delay;

    /// <summary>Chunks that it goes back at least: one may not have come out sooner than the steps of four take.</summary>
    /// <param name="ticksInFlight">Ticks that may be in flight.</param>
    public static int LeastDelay(int ticksInFlight) => MostSteps * ticksInFlight + 1;

    /// <summary>True where what the next chunk needs has come out, or nothing is needed.</summary>
    /// <param name="next">Its number.</param>
    public bool IsReady(long next) => _delay == 0 || _done >= next - _delay;

    /// <summary>Latents with their share of what came out; the same where there is none. The caller's where they are others.</summary>
    public Tensor Mix(ControlState state, long chunk, Tensor latents)
    {
        _delay = state.Loopback.Share > 0 ? state.Loopback.Delay : 0;
        foreach (var number in _kept.Keys.Where(n => _delay == 0 || n < chunk - _delay).ToList())
        {
            _kept[number].Dispose();
            _kept.Remove(number);
        }
        if (_delay == 0 || !_kept.TryGetValue(chunk - _delay, out var before) || before.size(3) != latents.size(3)
            || before.size(4) != latents.size(4))
            return latents;
        using var scope = NewDisposeScope();
        var newest = before.narrow(1, before.size(1) - 1, 1).to(latents.device).to_type(latents.dtype);
        using Scalar share = Scalars.Kept(state.Loopback.Share);
        return latents.add(newest.sub(latents).mul_(share), Scalars.One).MoveToOuterDisposeScope();
    }

    /// <summary>A chunk has come out.</summary>
    /// <param name="chunk">Its number.</param>
    /// <param name="clean">Its latents, which stay the caller's; null where they are not wanted.</param>
    public void Done(long chunk, Tensor? clean)
    {
        _done = chunk;
        if (clean is { } latents)
            _kept[chunk] = latents.alias().DetachFromDisposeScope();
    }

    public void Dispose()
    {
        foreach (var latents in _kept.Values)
            latents.Dispose();
        _kept.Clear();
    }
}
