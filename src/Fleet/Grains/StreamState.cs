using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Grains;

/// <summary>All that a stream remembers.</summary>
internal sealed record StreamState
{
    public required StreamView View { get; init; }

    /// <summary>The highest that was ever given.</summary>
    public long Epoch { get; init; }

    /// <summary>Every change that was accepted, the oldest first; of very many the older ones joined into one.</summary>
    public IReadOnlyList<ControlEntry> Controls { get; init; } = [];

    /// <summary>What a worker keeps of it while it is suspended, and until it runs again; null for nothing.</summary>
    public StreamKept? Kept { get; init; }

    /// <summary>True where it is to have no worker when its present one lets go of it.</summary>
    public bool IsSuspending { get; init; }

    /// <summary>While that is so: number of the last change that its worker was told. It is told no others.</summary>
    public long Told { get; init; }
}
