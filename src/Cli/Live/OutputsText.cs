using System.Globalization;
using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media;

namespace StreamDiff.Cli.Live;

/// <summary>Outputs and their SRT connections in words, and as objects.</summary>
internal static class OutputsText
{
    /// <summary>The end of a line; empty where there is no such connection.</summary>
    public static string Of(string name, LinkStatistics? link) => link is null ? "" : string.Create(CultureInfo.InvariantCulture,
        $", {name} rtt {link.RoundTrip.TotalMilliseconds:0.0} ms, lost {link.Lost}, resent {link.Retransmitted}, too late {link.Dropped}");

    /// <summary>Outputs for a log of objects.</summary>
    public static IEnumerable<object> Json(IEnumerable<OutputStatus> outputs) => outputs.Select(o => new
    {
        name = o.Name,
        isOpen = o.IsOpen,
        sent = o.Sent,
        dropped = o.Dropped,
        reopened = o.Reopened,
        obstacle = o.Obstacle,
        link = Json(o.Link),
        encoder = o.Encoder,
    });

    /// <summary>Encoders for a log of objects.</summary>
    public static IEnumerable<object> Json(IEnumerable<EncoderStatus> encoders) => encoders.Select(e => new
    {
        number = e.Number,
        name = e.Name,
        made = e.Made,
        outputs = e.Outputs,
    });

    /// <summary>For a log of objects; null where there is no such connection.</summary>
    public static object? Json(LinkStatistics? link) => link is null ? null : new
    {
        rttMs = Math.Round(link.RoundTrip.TotalMilliseconds, 2),
        packets = link.Packets,
        lost = link.Lost,
        retransmitted = link.Retransmitted,
        dropped = link.Dropped,
    };
}
