namespace StreamDiff.Transport.Media.Playlists;

/// <summary>How a playlist is cut: segments of about two seconds, parts of a quarter to a third of a second, both whole pictures.</summary>
public sealed record PlaylistTimes
{
    private const double LeastPart = 0.2;
    private const double MostPart = 0.35;

    /// <param name="rate">Pictures a second.</param>
    public PlaylistTimes(Rational rate)
    {
        Rate = rate;
        var perSecond = rate.ToDouble();
        SegmentPictures = (int)Math.Ceiling(SegmentLength.TotalSeconds * perSecond);
        // Of those that are long enough the longest of which a segment holds a whole number.
        var most = Math.Max(1, (int)(MostPart * perSecond));
        PartPictures = most;
        for (var pictures = most; pictures >= LeastPart * perSecond && pictures > 0; pictures--)
        {
            if (SegmentPictures % pictures == 0)
            {
                PartPictures = pictures;
                break;
            }
        }
    }

    /// <summary>From key frame to key frame: 2 s.</summary>
    public static TimeSpan SegmentLength { get; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// What no segment is longer than, rounded to whole seconds: 3 s, so that it stays the same where a key frame is half a second late.
    /// </summary>
    public static TimeSpan LongestSegment { get; } = TimeSpan.FromSeconds(3);

    /// <summary>Pictures a second.</summary>
    public Rational Rate { get; }

    /// <summary>Pictures from one segment's beginning to the next one's.</summary>
    public int SegmentPictures { get; }

    /// <summary>Pictures of a part; the last one of a segment may have fewer.</summary>
    public int PartPictures { get; }

    /// <summary>Seconds of so many pictures.</summary>
    public double SecondsOf(long pictures) => pictures * (double)Rate.Denominator / Rate.Numerator;
}
