using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// Where the ticks of streams run: on one device of this process (<see cref="LocalTickRunner"/>), or in a ring of ranks. Ticks, copies of
/// lanes and prompts take effect in the order in which they are given, so what depends on a lane need only be issued after what writes it,
/// not after it is done. Not thread-safe.
/// </summary>
public interface ITickRunner : IDisposable
{
    /// <summary>Where noisy and clean latents lie.</summary>
    Device Device { get; }

    /// <summary>Ticks that may be issued before the oldest is collected, at least 1.</summary>
    int MostInFlight { get; }

    /// <summary>The same whatever is lost or comes back meanwhile.</summary>
    int MostEverInFlight => MostInFlight;

    /// <summary>
    /// True where the caches may be lost while a stream runs (<see cref="TicksLostException"/>): streams then remember what they are
    /// rebuilt from.
    /// </summary>
    bool CanLoseCaches => false;

    /// <summary>True where <see cref="Recover"/> would bring more to compute with than there is now.</summary>
    bool WantsRecovery => false;

    /// <summary>Called, from any thread, when <see cref="Collect"/> may give what it could not give before; must not wait.</summary>
    Action? Progress { set; }

    /// <summary>Lanes for streams of one shape.</summary>
    /// <param name="shape">Geometry, rotation and picture size of the streams.</param>
    /// <param name="lanes">How many.</param>
    /// <exception cref="ModelException">There is no room for it; whatever else runs goes on.</exception>
    LanePool CreatePool(DenoiserOptions shape, int lanes);

    /// <summary>What a prompt means to the network. The caller disposes it when every chunk that follows it has been taken.</summary>
    /// <param name="embeddings">float32 [1, tokens, text_dim]; stays the caller's.</param>
    /// <param name="loras">Strengths of the chunks that follow it; null for those that the model was loaded with.</param>
    IPrompt Encode(Tensor embeddings, LoraStrengths? loras = null);

    /// <summary>Begins a tick.</summary>
    /// <param name="tick">Its latents stay the caller's, and may be let go when this returns.</param>
    /// <exception cref="TicksLostException">The caches are lost.</exception>
    /// <exception cref="ModelException">The rows cannot run; no lane has moved.</exception>
    void Issue(TickWork tick);

    /// <summary>Clean latents of the oldest tick that was issued, float32 [rows, frames, 16, h, w]; the caller's.</summary>
    /// <param name="wait">False gives null while they are not there.</param>
    /// <exception cref="TicksLostException">The caches are lost.</exception>
    Tensor? Collect(bool wait);

    /// <summary>
    /// Marks the end of what was issued so far, where results are collected before the device has computed them; null where what was
    /// collected is done.
    /// </summary>
    IDeviceMark? Mark() => null;

    /// <summary>
    /// After <see cref="TicksLostException"/>: begins anew with the same pools, leases and prompts; all lanes are empty, nothing is in
    /// flight. A pool that there is no room for any more says so (<see cref="LanePool.Fault"/>).
    /// </summary>
    /// <exception cref="TicksLostException">It failed again; may be tried again.</exception>
    /// <exception cref="ModelException">Nothing is left to compute with.</exception>
    void Recover() => throw new ModelException("nothing was lost");
}

/// <summary>What runs the ticks has lost the caches of all streams; <see cref="ITickRunner.Recover"/> begins anew.</summary>
public class TicksLostException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The rows that go through the network together.</summary>
public sealed record TickWork
{
    public required LanePool Pool { get; init; }

    /// <summary>Rows in the order of their lanes, of equal frame counts.</summary>
    public required TickRow[] Rows { get; init; }

    /// <summary>Denoising step of each row, from 0.</summary>
    public required int[] Steps { get; init; }

    /// <summary>Chunk of each row.</summary>
    public required long[] Chunks { get; init; }

    /// <summary>Denoising timestep of each row, 0 to 1000.</summary>
    public required double[] Timesteps { get; init; }

    /// <summary>What each row follows.</summary>
    public required IPrompt[] Prompts { get; init; }

    /// <summary>Strengths of the model's LoRAs, one for all rows; null for those that it was loaded with.</summary>
    public LoraStrengths? Loras { get; init; }

    /// <summary>float32 [rows, frames, 16, h, w], noisy.</summary>
    public required Tensor Latents { get; init; }
}
