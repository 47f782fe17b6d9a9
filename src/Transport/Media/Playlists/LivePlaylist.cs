namespace StreamDiff.Transport.Media.Playlists;

/// <summary>
/// The newest seconds of a live stream in memory, for players of HLS with low latency (draft-pantos-hls-rfc8216bis): one side adds parts as
/// they are made, the other asks for the playlist and what is in it, and may wait for what is about to come. All members may be used from
/// any thread.
/// </summary>
/// <param name="times">How it is cut.</param>
/// <param name="time">Tells when it began.</param>
public sealed class LivePlaylist(PlaylistTimes times, TimeProvider time)
{
    /// <summary>Whole segments that are listed.</summary>
    public const int Listed = 6;

    // As long as the longest playlist that named it, and its own length (RFC 8216, section 6.2.2).
    private const int KeptBeside = Listed + 1;
    private const long MostBytes = 64 << 20;
    // Fewer than that are made in a second.
    private const long PartsPerSecond = 100;

    private readonly Lock _gate = new();
    private readonly List<PlaylistSegment> _segments = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PlaylistHeader? _header;
    private long _headerNumber;
    // Numbers that begin with the time of day never come twice: what a player, or a proxy, keeps of an earlier stream of this address, also
    // of one on another machine, is not taken for a part of this one.
    private long _nextSegment = time.GetUtcNow().ToUnixTimeSeconds();
    private long _nextPart = time.GetUtcNow().ToUnixTimeSeconds() * PartsPerSecond;
    private long _breaks = time.GetUtcNow().ToUnixTimeSeconds();
    private bool _isBreak;
    private bool _isEnded;

    /// <summary>How it is cut.</summary>
    public PlaylistTimes Times => times;

    /// <summary>The time.</summary>
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>True when nothing follows.</summary>
    public bool IsEnded
    {
        get
        {
            lock (_gate)
            {
                return _isEnded;
            }
        }
    }

    /// <summary>What the next segments need before them; null before the first ones.</summary>
    public PlaylistHeader? Header
    {
        get
        {
            lock (_gate)
            {
                return _header;
            }
        }
    }

    /// <summary>What can be asked for now, the oldest first.</summary>
    internal IReadOnlyList<PlaylistSegment> Segments
    {
        get
        {
            lock (_gate)
            {
                return [.. _segments];
            }
        }
    }

    /// <summary>The picture with which its times begin, for the one side that adds.</summary>
    internal (long Place, Rational TimeBase)? Zero { get; set; }

    /// <summary>Segments of an encoder follow.</summary>
    public void Begin(PlaylistHeader header)
    {
        lock (_gate)
        {
            EndOpenSegment();
            (_header, _headerNumber, _isBreak) = (header, _nextSegment, _segments.Count > 0);
        }

        Tell();
    }

    /// <summary>The next segment begins.</summary>
    /// <param name="at">When its first picture was given.</param>
    public void BeginSegment(DateTimeOffset at)
    {
        lock (_gate)
        {
            EndOpenSegment();
            _breaks += _isBreak ? 1 : 0;
            _segments.Add(new PlaylistSegment(_nextSegment++, _header!, _headerNumber, at, _breaks, _isBreak));
            _isBreak = false;
        }
    }

    /// <summary>The next part of the segment that was begun last.</summary>
    /// <param name="data">A fragment of MP4.</param>
    /// <param name="seconds">How long its pictures last.</param>
    /// <param name="isIndependent">True where it begins with a key frame.</param>
    public void Add(ReadOnlyMemory<byte> data, double seconds, bool isIndependent)
    {
        lock (_gate)
        {
            var segment = _segments[^1];
            var part = new PlaylistPart(_nextPart++, data, seconds, isIndependent);
            _segments[^1] = segment with { Parts = [.. segment.Parts, part], Bytes = segment.Bytes + data.Length };
        }

        Tell();
    }

    /// <summary>The segment that was begun last is whole.</summary>
    /// <param name="seconds">From its first picture to where the next segment begins, or to its end.</param>
    public void EndSegment(double seconds)
    {
        lock (_gate)
        {
            if (_segments.Count == 0 || _segments[^1].Seconds is not null)
            {
                return;
            }

            _segments[^1] = _segments[^1] with { Seconds = seconds };
            while (_segments.Count > Listed + KeptBeside || (_segments.Count > 1 && _segments.Sum(s => s.Bytes) > MostBytes))
            {
                _segments.RemoveAt(0);
            }
        }

        Tell();
    }

    /// <summary>Nothing follows: whoever waits is told.</summary>
    public void End()
    {
        lock (_gate)
        {
            EndOpenSegment();
            _isEnded = true;
        }

        Tell();
    }

    /// <summary>The playlist as it is now.</summary>
    /// <param name="query">What is appended to each address, with its question mark; empty for nothing.</param>
    public string ToText(string query)
    {
        lock (_gate)
        {
            return PlaylistText.Of(_segments, Listed, _nextPart, _isEnded, times, query);
        }
    }

    /// <summary>The playlist of playlists, which tells what is in the only one; null before the first header.</summary>
    /// <param name="address">Of the playlist.</param>
    public string? ToMultivariantText(string address) => Header is { } header ? PlaylistText.Of(header, times, address) : null;

    /// <summary>
    /// Waits until a segment or a part of it is in the playlist (section 6.2.5.2); a part beyond the last one of a whole segment is the
    /// first of the next one.
    /// </summary>
    /// <param name="segment">The segment's number; null waits until there is a whole segment, which players without parts need.</param>
    /// <param name="part">The part's place in it, from zero; null for all of it.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>False at once where that is further ahead than a player may ask for.</returns>
    public async Task<bool> WaitFor(long? segment, int? part, CancellationToken ct)
    {
        var isPossible = true;
        await Until(() => segment is not { } number ? _segments.Exists(s => s.Seconds is not null)
            : !(isPossible = IsNear(number, part)) || Holds(number, part), ct).ConfigureAwait(false);
        return isPossible;
    }

    /// <summary>Waits until it is known what the stream holds.</summary>
    public Task WaitForHeader(CancellationToken ct) => Until(() => _header is not null, ct);

    /// <summary>A part; waits for the next one that is going to be made. Null where there is none of that number.</summary>
    public async Task<PlaylistPart?> Part(long number, CancellationToken ct)
    {
        await Until(() => number != _nextPart, ct).ConfigureAwait(false);
        return Segments.SelectMany(s => s.Parts).FirstOrDefault(p => p.Number == number);
    }

    /// <summary>A whole segment; null where there is none of that number.</summary>
    public PlaylistSegment? Segment(long number) => Segments.FirstOrDefault(s => s.Number == number && s.Seconds is not null);

    /// <summary>The header by its name's number; null where there is none.</summary>
    public PlaylistHeader? HeaderOf(long number)
    {
        lock (_gate)
        {
            return _segments.Find(s => s.HeaderNumber == number)?.Header ?? (_headerNumber == number ? _header : null);
        }
    }

    // What was not told to be whole is as long as its parts.
    private void EndOpenSegment()
    {
        if (_segments.Count > 0 && _segments[^1] is { Seconds: null } open)
        {
            if (open.Parts.Count == 0)
            {
                _segments.RemoveAt(_segments.Count - 1);
                (_nextSegment, _breaks, _isBreak) = (open.Number, open.Breaks - (open.IsBreak ? 1 : 0), open.IsBreak);
            }
            else
            {
                _segments[^1] = open with { Seconds = open.Parts.Sum(p => p.Seconds) };
            }
        }
    }

    private bool IsNear(long segment, int? part)
    {
        const int MostSegments = 2;
        var last = _segments.Count > 0 ? _segments[^1].Number : _nextSegment - 1;
        var mostParts = (int)Math.Ceiling(3 / Math.Min(1, times.SecondsOf(times.PartPictures)));
        return segment <= last + MostSegments
            && (segment != last || part is not { } place || _segments.Count == 0 || place <= _segments[^1].Parts.Count + mostParts);
    }

    private bool Holds(long segment, int? part)
    {
        if (_segments.Count == 0)
        {
            return false;
        }

        var last = _segments[^1];
        if (last.Number > segment + 1)
        {
            return true;
        }

        if (last.Number == segment + 1)
        {
            return part is not { } place || last.Parts.Count > 0 || last.Seconds is not null
                || (_segments.Count > 1 && place < _segments[^2].Parts.Count);
        }

        return last.Number == segment && (part is { } index ? index < last.Parts.Count : last.Seconds is not null);
    }

    private async Task Until(Func<bool> holds, CancellationToken ct)
    {
        while (true)
        {
            Task news;
            lock (_gate)
            {
                if (_isEnded || holds())
                {
                    return;
                }

                news = _news.Task;
            }

            await news.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    private void Tell()
    {
        lock (_gate)
        {
            _news.SetResult();
            _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
