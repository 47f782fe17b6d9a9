using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>The streams that controllers reach: that of a run, which has no name, or the sessions of a server.</summary>
/// <param name="Find">A stream by its session's name, null for that of a run; null where there is none.</param>
/// <param name="All">All that there are now.</param>
public sealed record SteeredStreams(Func<string?, StreamControls?> Find, Func<IEnumerable<StreamControls>> All)
{
    /// <summary>That of a run.</summary>
    public static SteeredStreams Of(StreamControls controls) => new(name => name is null ? controls : null, () => [controls]);
}
