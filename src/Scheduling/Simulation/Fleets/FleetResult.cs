using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Simulation.Fleets;

/// <summary>What users of a fleet had. Times are seconds.</summary>
/// <param name="Users">Requests.</param>
/// <param name="Served">Users who saw a restyled picture at all.</param>
/// <param name="Queued">Users who had to wait for a place, whatever came of it.</param>
/// <param name="GaveUp">Those who waited for too long, or to the end of what they wanted to show.</param>
/// <param name="Refused">Users who were told at once that there is no place, nor one to wait for.</param>
/// <param name="Moved">Moves of streams away from workers that were drained.</param>
/// <param name="Interrupted">Streams that lost their worker.</param>
/// <param name="AllUserFps">
/// Pictures in time a second that a user wanted, mean of all users: who waits, is refused or stalls has 0 for that time.
/// </param>
/// <param name="AllUserShare">The same as a share of the pictures that all users wanted.</param>
/// <param name="PicturesInTime">Share of the pictures that were read.</param>
/// <param name="ChunksInTime">Share of the chunks of users with a place whose every picture was in time; what is lost or given up is
/// not.</param>
/// <param name="WorstChunk">Longest time from a picture's capture to its hand-over.</param>
/// <param name="FirstChunk">From requests to first pictures, of those who were served.</param>
/// <param name="Wait">From requests to places, of those who waited and got one.</param>
/// <param name="Recovery">From the death of a worker to the next restyled picture of each of its streams that came back.</param>
/// <param name="MostStreams">Most streams with a place at the same time.</param>
/// <param name="MostQueued">Most users who waited at the same time.</param>
/// <param name="Utilisation">Share of the time of requests in which a worker's transformer ran, mean.</param>
/// <param name="StreamSeconds">Seconds that all users together wanted.</param>
/// <param name="Ticks">Passes of networks.</param>
public sealed record FleetResult(
    int Users, int Served, int Queued, int GaveUp, int Refused, int Moved, int Interrupted, double AllUserFps, double AllUserShare,
    double PicturesInTime, double ChunksInTime, double WorstChunk, Distribution FirstChunk, Distribution Wait, Distribution Recovery,
    int MostStreams, int MostQueued, double Utilisation, double StreamSeconds, long Ticks);
