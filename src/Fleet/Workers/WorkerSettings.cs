using StreamDiff.Fleet.Contracts;

namespace StreamDiff.Fleet.Workers;

/// <summary>What a worker is to its fleet.</summary>
/// <param name="Name">Unique in the fleet.</param>
/// <param name="Address">Its own studio, as the fleet reaches it.</param>
/// <param name="Key">What the fleet knows itself by.</param>
/// <param name="MostStreams">Streams that it takes whatever they need.</param>
/// <param name="Times">Heartbeats.</param>
public sealed record WorkerSettings(string Name, Uri Address, string Key, int MostStreams, FleetTimes Times);
