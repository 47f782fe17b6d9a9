using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Ladder;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Opens what sessions are computed as, and changes it when they give up quality or take it back. Belongs to the device's thread.
/// </summary>
/// <param name="model">Stays the host's.</param>
/// <param name="pools">Where lanes come from; stay the host's.</param>
/// <param name="noise">Stays the host's.</param>
/// <param name="tinyVae">For sessions that may give up the model's own; null where there is none.</param>
internal sealed class StreamForms(LoadedModel model, LanePools pools, IKeyedNoise noise, IVae? tinyVae)
{
    private readonly VaePair _full = new(model.EncoderVae, model.DecoderVae);
    private readonly VaePair? _tiny = tinyVae is null ? null : new VaePair(tinyVae, tinyVae);

    /// <summary>True where sessions may change to a smaller VAE.</summary>
    public bool HasTinyVae => _tiny is not null;

    /// <summary>The form that a session begins with.</summary>
    /// <exception cref="ModelException">There are not enough lanes left.</exception>
    public StreamForm First(SessionRequest request, DenoiserOptions options) => Open(request, options, request.Size, _full);

    /// <summary>True when a session could have the VAE and the size of a quality now.</summary>
    public bool HasRoom(Session session, Quality quality)
    {
        var size = StreamForm.SizeOf(session.Size, quality.SizeShare);
        var form = session.Stream.Form;
        return size == form.Size && form.With(Vae(quality), Sinks(session)) is not null || HasLanes(Options(session, size));
    }

    /// <summary>
    /// Gives a session the VAE and the size of a quality, from the next group of frames on; says why not where there is no room, null where
    /// there is.
    /// </summary>
    public string? Reform(Session session, Quality quality)
    {
        var (present, vae, size) = (session.Stream.Form, Vae(quality), StreamForm.SizeOf(session.Size, quality.SizeShare));
        if (vae == present.Vae && size == present.Size)
            return null;
        var form = size == present.Size ? present.With(vae, Sinks(session)) : null;
        if (form is null)
        {
            var options = Options(session, size);
            if (!HasLanes(options))
                return "no lanes are free for it";
            try
            {
                form = Open(session.Request, options, size, vae);
            }
            catch (Exception e) when (HostMemory.IsExhausted(e) || e is ModelException)
            {
                // What is given up must not cost more than what it saves.
                return e is ModelException ? e.Message : "there is no memory left for it";
            }
        }
        session.Become(form);
        return null;
    }

    private VaePair Vae(Quality quality) => quality.TinyVae && _tiny is not null ? _tiny : _full;

    private bool HasLanes(DenoiserOptions options) => pools.Free(options) >= options.Timesteps.Count;

    // With the room for sinks that it has.
    private DenoiserOptions Options(Session session, (int Width, int Height) size)
    {
        var options = model.Settings(session.Request.Sampling with { Steps = session.Stream.Steering.Steps }, size).Denoiser;
        return options with { Geometry = session.Stream.Lanes.Options.Geometry with { FrameTokens = options.Geometry.FrameTokens } };
    }

    private static int Sinks(Session session) => session.Stream.Steering.State.SinkFrames;

    private StreamForm Open(SessionRequest request, DenoiserOptions options, (int Width, int Height) size, VaePair vae)
    {
        var use = pools.UseOf(options);
        var pool = use.Take();
        try
        {
            var lanes = new LaneStream(model.Ticks, pool, options, noise, request.Sampling.Seed);
            return new StreamForm(vae, size, lanes, use,
                request.Sampling.Mode == DenoisingMode.TextToVideo ? Blank : null);
        }
        catch
        {
            use.Return();
            throw;
        }

        IChunkEncoder Blank() =>
            new BlankEncoder(model.Config.Dit.InDim, 2 * options.GridRows, 2 * options.GridColumns, model.Ticks.Runner.Device);
    }
}
