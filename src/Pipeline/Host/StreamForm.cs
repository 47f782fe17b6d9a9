using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Host;

/// <summary>A VAE where it encodes and where it decodes: the same object on one device.</summary>
internal sealed record VaePair(IVae Encoder, IVae Decoder);

/// <summary>
/// As what a session's chunks are computed: the VAE, the size, and the lanes of that size. It travels with each chunk, and every stage
/// changes over when it meets the first one of another form; so nothing is converted on the way, and no frame is missing.
/// </summary>
/// <param name="vae">Stays the host's.</param>
/// <param name="size">Of the frames that are encoded, at most the session's own.</param>
/// <param name="lanes">Taken over.</param>
/// <param name="pool">Where the lanes come from: given back with them, and taken again; on the device's thread.</param>
/// <param name="blank">Encodes nothing in the place of frames, for text-to-video; null: frames are encoded.</param>
internal sealed class StreamForm(
    VaePair vae, (int Width, int Height) size, LaneStream lanes, IPoolUse pool, Func<IChunkEncoder>? blank = null) : IDisposable
{
    private const int Step = 16;
    private const int Least = 64;

    public VaePair Vae => vae;

    public (int Width, int Height) Size => size;

    public LaneStream Lanes => lanes;

    /// <summary>Tokens of a latent frame.</summary>
    public int FrameTokens => lanes.Options.Geometry.FrameTokens;

    /// <summary>True where encoding a group begins before its last picture is there.</summary>
    public bool TakesPictures => blank is null && vae.Encoder.TakesPictures;

    public IChunkEncoder OpenEncoder() => blank?.Invoke() ?? new ChunkEncoder(vae.Encoder) { Size = size };

    /// <summary>
    /// The same lanes with another VAE, whose first group is two latent frames; null where the window cannot take so many at once.
    /// </summary>
    public StreamForm? With(VaePair other, int sinkFrames) =>
        lanes.MostFrames(sinkFrames) >= 2 ? new StreamForm(other, size, lanes, pool) : null;

    /// <summary>A share of a size, in the steps that the network has. Never less than 64 a side, or than the size itself.</summary>
    public static (int Width, int Height) SizeOf((int Width, int Height) full, double share) =>
        (Side(full.Width, share), Side(full.Height, share));

    /// <summary>Gives the lanes back; what they held is kept in host memory.</summary>
    public void Suspend()
    {
        lanes.Suspend();
        pool.Return();
    }

    /// <summary>Takes lanes again, with what they held.</summary>
    /// <exception cref="Models.ModelException">There are not enough left: it stays suspended.</exception>
    public void Resume()
    {
        var taken = pool.Take();
        try
        {
            lanes.Resume(taken);
        }
        catch
        {
            pool.Return();
            throw;
        }
    }

    public void Dispose()
    {
        var isSuspended = lanes.IsSuspended;
        lanes.Dispose();
        if (!isSuspended)
            pool.Return();
    }

    private static int Side(int full, double share) => Math.Min(full, Math.Max(Least, (int)(full * share) / Step * Step));
}

/// <summary>One user's share in a pool of lanes. Belongs to the device's thread.</summary>
internal interface IPoolUse
{
    /// <summary>The pool, made where nobody else uses it.</summary>
    LanePool Take();

    /// <summary>It is not needed any more, or not for a while.</summary>
    void Return();
}
