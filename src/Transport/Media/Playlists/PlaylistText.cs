using System.Globalization;
using System.Text;

namespace StreamDiff.Transport.Media.Playlists;

/// <summary>Playlists as players read them (draft-pantos-hls-rfc8216bis, section 4).</summary>
internal static class PlaylistText
{
    // Parts are of use near the end only (section 4.4.4.9): those of older segments are as well asked for at once.
    private const int WithParts = 3;

    // Section 4.4.3.8 asks for at least three.
    private const double PartsBehind = 3;

    private const double Container = 1.1;

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>The playlist.</summary>
    /// <param name="segments">Those that are kept, the last one perhaps not whole.</param>
    /// <param name="most">Whole ones that are listed.</param>
    /// <param name="nextPart">Number of the part that is made next.</param>
    /// <param name="isEnded">True where nothing follows.</param>
    /// <param name="times">How it is cut.</param>
    /// <param name="query">What is appended to each address.</param>
    public static string Of(
        IReadOnlyList<PlaylistSegment> segments, int most, long nextPart, bool isEnded, PlaylistTimes times, string query)
    {
        var whole = segments.Count(s => s.Seconds is not null);
        var listed = segments.Skip(Math.Max(0, whole - most)).ToList();
        var part = Up(times.SecondsOf(times.PartPictures));
        // Rounded to the nearest whole second no segment may be longer; one whose key frame is very late is.
        var longest = Math.Max(PlaylistTimes.LongestSegment.TotalSeconds, listed.Max(s => s.Seconds) ?? 0);
        var text = new StringBuilder("#EXTM3U\n#EXT-X-VERSION:9\n");
        _ = text.Append(Invariant, $"#EXT-X-TARGETDURATION:{(int)Math.Round(longest, MidpointRounding.AwayFromZero)}\n");
        _ = text.Append(Invariant, $"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={PartsBehind * part:0.000}\n");
        _ = text.Append(Invariant, $"#EXT-X-PART-INF:PART-TARGET={part:0.000}\n");
        // What has a tag of its own in the list is not counted before it.
        var (number, breaks) = listed is [var first, ..] ? (first.Number, first.Breaks - (first.IsBreak ? 1 : 0)) : (0, 0);
        _ = text.Append(Invariant, $"#EXT-X-MEDIA-SEQUENCE:{number}\n#EXT-X-DISCONTINUITY-SEQUENCE:{breaks}\n");
        _ = text.Append("#EXT-X-INDEPENDENT-SEGMENTS\n");
        var header = -1L;
        for (var i = 0; i < listed.Count; i++)
        {
            var segment = listed[i];
            if (segment is { Seconds: null, Parts.Count: 0 })
            {
                continue;
            }

            if (segment.IsBreak)
            {
                _ = text.Append("#EXT-X-DISCONTINUITY\n");
            }

            if (segment.HeaderNumber != header)
            {
                header = segment.HeaderNumber;
                _ = text.Append(Invariant, $"#EXT-X-MAP:URI=\"init-{header}.mp4{query}\"\n");
            }

            _ = text.Append(Invariant, $"#EXT-X-PROGRAM-DATE-TIME:{segment.At.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}\n");
            if (listed.Count - i <= WithParts)
            {
                foreach (var made in segment.Parts)
                {
                    _ = text.Append(Invariant, $"#EXT-X-PART:DURATION={made.Seconds:0.00000},URI=\"part-{made.Number}.m4s{query}\"")
                        .Append(made.IsIndependent ? ",INDEPENDENT=YES\n" : "\n");
                }
            }

            if (segment.Seconds is { } seconds)
            {
                _ = text.Append(Invariant, $"#EXTINF:{seconds:0.00000},\n");
                _ = text.Append(Invariant, $"segment-{segment.Number}.m4s{query}\n");
            }
        }

        return isEnded
            ? text.Append("#EXT-X-ENDLIST\n").ToString()
            : text.Append(Invariant, $"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-{nextPart}.m4s{query}\"\n").ToString();
    }

    /// <summary>A playlist of one playlist.</summary>
    public static string Of(PlaylistHeader header, PlaylistTimes times, string address)
    {
        var text = new StringBuilder("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        return text.Append(Invariant, $"#EXT-X-STREAM-INF:BANDWIDTH={header.BitRate * Container:0},CODECS=\"{header.Codecs}\",")
            .Append(Invariant, $"RESOLUTION={header.Width}x{header.Height},FRAME-RATE={times.Rate.ToDouble():0.000}\n{address}\n")
            .ToString();
    }

    // Milliseconds, so that no part is longer than it says.
    private static double Up(double seconds) => Math.Ceiling((seconds * 1000) - 1e-6) / 1000;
}
