namespace StreamDiff.Transport.Media;

/// <summary>How a connection of SRT is doing, since it began.</summary>
/// <param name="RoundTrip">There and back, smoothed.</param>
/// <param name="Packets">Sent and received, those that were sent again included.</param>
/// <param name="Lost">Found missing by whoever receives them.</param>
/// <param name="Retransmitted">Sent again.</param>
/// <param name="Dropped">Too late to be of use.</param>
public sealed record LinkStatistics(TimeSpan RoundTrip, long Packets, long Lost, long Retransmitted, long Dropped);
