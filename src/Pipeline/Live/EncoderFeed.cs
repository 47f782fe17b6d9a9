using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// What one output, or all viewers, are given: the packets of an encoder of pictures and, where there is sound, of another.
/// </summary>
/// <param name="name">Of the output, for the log.</param>
/// <param name="relay">Hands them over.</param>
/// <param name="isOwn">True where the relay ends with the feed.</param>
/// <param name="sound">What viewers have to know of the sound; null for outputs, and without sound.</param>
internal sealed class EncoderFeed(string name, PacketRelay relay, bool isOwn, SoundFormat? sound)
{
    private readonly Lock _gate = new();
    private readonly List<SharedEncoder> _running = [];

    public string Name => name;

    public PacketRelay Relay => relay;

    /// <summary>Its encoder of pictures.</summary>
    public SharedEncoder Pictures { get; private set; } = null!;

    /// <summary>Its encoder of sound; null without.</summary>
    public SharedEncoder? Sound { get; private set; }

    /// <summary>False where the relay is that of viewers, who come and go.</summary>
    public bool IsOwn => isOwn;

    /// <summary>Why nothing comes from an encoder now; null while both work.</summary>
    public string? Failure => Pictures.Failure ?? Sound?.Failure;

    /// <summary>Begins to take from these.</summary>
    public void Take(SharedEncoder pictures, SharedEncoder? heard)
    {
        (Pictures, Sound) = (pictures, heard);
        lock (_gate)
        {
            _running.Add(pictures);
            if (heard is not null)
                _running.Add(heard);
        }
        pictures.Add(this);
        heard?.Add(this);
    }

    /// <summary>What a container has to know; opens the encoders where they are not. The caller disposes both.</summary>
    /// <exception cref="Transport.Media.MediaException">An encoder does not open.</exception>
    public (StreamDescription? Pictures, StreamDescription? Sound) Describe()
    {
        var pictures = Pictures.Describe();
        try
        {
            return (pictures, Sound?.Describe());
        }
        catch
        {
            pictures?.Dispose();
            throw;
        }
    }

    /// <summary>Another encoder's packets follow, or the first one's.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="follows">True where what came before is whole.</param>
    public void Begin(LiveEncoder encoder, bool follows) => relay.Begin(encoder.Format(sound), follows);

    /// <summary>Nothing is sent any more: what still comes may come as fast as it likes.</summary>
    public void Drain()
    {
        if (isOwn)
            relay.Drain();
    }

    /// <summary>Takes nothing more than what was sent so far; the relay ends once that is through.</summary>
    public void Leave()
    {
        Drain();
        Pictures.Part(this);
        Sound?.Part(this);
    }

    /// <summary>Said by each encoder when nothing more comes from it.</summary>
    public void Ended(SharedEncoder encoder)
    {
        lock (_gate)
            if (!_running.Remove(encoder) || _running.Count > 0)
                return;
        if (isOwn)
            relay.End();
    }
}
