using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>What a chunk is to its stream.</summary>
internal enum ChunkRole
{
    /// <summary>It came in and is taken out.</summary>
    Ordinary,

    /// <summary>The last chunks again, after the caches were lost: only what it leaves in the lanes counts.</summary>
    Context,

    /// <summary>The zeros that the published batch holds in rows which no chunk has reached yet.</summary>
    Idle,
}

/// <summary>Lanes that begin to be used.</summary>
/// <param name="Step">Before which step of the chunk.</param>
/// <param name="From">Lane of the stream that they are copied from.</param>
/// <param name="Until">One past the last lane; the first is the one after <paramref name="From"/>.</param>
internal readonly record struct LaneJoin(int Step, int From, int Until);

/// <summary>A chunk in flight: its latents, and how far it has come.</summary>
internal sealed class LaneChunk : IDisposable
{
    private readonly Tensor? _noisy;

    /// <param name="number">Number in the stream.</param>
    /// <param name="role">What it is to the stream.</param>
    /// <param name="firstStep">Step that it begins with.</param>
    /// <param name="startFrame">Position of its first latent frame.</param>
    /// <param name="noisy">float32 [1, frames, 16, h, w], mixed with noise; taken over.</param>
    /// <param name="settings">How it is denoised.</param>
    /// <param name="remembers">True keeps what it began with, to begin again.</param>
    public LaneChunk(long number, ChunkRole role, int firstStep, long startFrame, Tensor noisy, ChunkSettings settings, bool remembers)
    {
        (Number, Role, StartFrame, Settings) = (number, role, startFrame, settings);
        Latents = noisy.DetachFromDisposeScope();
        _noisy = remembers ? noisy.alias().DetachFromDisposeScope() : null;
        Frames = (int)noisy.size(1);
        Issued = Done = firstStep;
    }

    public long Number { get; }

    public ChunkRole Role { get; }

    public long StartFrame { get; }

    public ChunkSettings Settings { get; }

    /// <summary>float32 [1, frames, 16, h, w]: noised for the next step, or clean after the last.</summary>
    public Tensor Latents { get; private set; }

    public int Frames { get; }

    public int Steps => Settings.Timesteps.Count;

    /// <summary>True where all its steps use the stream's first lane.</summary>
    public required bool IsOnOneLane { get; init; }

    /// <summary>
    /// Lanes that join at one of its steps: copied before that step changes the lane they come from, a moment that does not depend on the
    /// order of ticks.
    /// </summary>
    public LaneJoin? Join { get; init; }

    /// <summary>Steps issued.</summary>
    public int Issued { get; set; }

    /// <summary>Steps done.</summary>
    public int Done { get; private set; }

    public bool IsAllIssued => Issued == Steps;

    public bool IsDone => Done == Steps;

    /// <summary>True when its next step joins lanes.</summary>
    public bool Joins => Join is { } join && join.Step == Issued;

    /// <summary>What it began with, for one that remembers; the caller's.</summary>
    public Tensor Noisy => (_noisy ?? throw new InvalidOperationException("the chunk does not remember what it began with")).alias();

    /// <summary>The step that was issued is done with this result, which belongs to the chunk from then on.</summary>
    public void Advance(Tensor latents)
    {
        Latents.Dispose();
        Latents = latents.DetachFromDisposeScope();
        Done++;
    }

    public void Dispose()
    {
        Latents.Dispose();
        _noisy?.Dispose();
    }
}
