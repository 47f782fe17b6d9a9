using System.Buffers;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Fragmented MP4 (CMAF) in memory, cut for a playlist: a segment begins with a key frame, a part is a fragment of a few pictures with the
/// sound that was there by then.
/// </summary>
internal sealed class PlaylistSink : ILiveSink
{
    /// <summary>FFmpeg's name of the container.</summary>
    public const string Container = "mp4";

    private readonly LivePlaylist _playlist;
    private readonly Gathered _gathered = new();
    private readonly LiveSink _sink;
    private DateTimeOffset _beganAt;
    private long? _first;
    private long _segment;
    private long? _part;
    private bool _isIndependent;
    private long _next;

    /// <param name="playlist">Takes it.</param>
    /// <param name="pictures">Its pictures.</param>
    /// <param name="sound">Its sound; null for none.</param>
    /// <param name="bitRate">Bits a second of both.</param>
    /// <param name="ct">Ends what is being written.</param>
    /// <exception cref="MediaException">MP4 cannot hold them.</exception>
    public PlaylistSink(LivePlaylist playlist, StreamDescription pictures, StreamDescription? sound, long bitRate, CancellationToken ct)
    {
        _playlist = playlist;
        var options = new Dictionary<string, string>
        {
            // The header is complete at once, fragments end where they are told to, and each says when it is played: neither sound nor what
            // another encoder made begins with zero.
            ["movflags"] = "+empty_moov+default_base_moof+frag_custom+frag_discont",
            ["use_editlist"] = "0",
            ["avoid_negative_ts"] = "disabled",
        };
        _sink = new LiveSink(
            new OutputTarget(MediaAddress.Players.Shown, "", Container, options, Connect: _ => _gathered), pictures, sound, ct);
        var (width, height) = pictures.Size;
        var codecs = sound is null ? pictures.Codec : $"{pictures.Codec},{sound.Codec}";
        playlist.Begin(new PlaylistHeader(_gathered.Take(), codecs, width, height, bitRate));
    }

    private PlaylistTimes Times => _playlist.Times;

    public void Write(EncodedUnit unit)
    {
        if (unit.Kind == PacketKind.Sound)
        {
            _sink.Write(unit);
            return;
        }

        var place = unit.Place;
        // Players get over it more easily when times go on where another encoder follows.
        _sink.Zero = _playlist.Zero ??= (place, unit.TimeBase);
        // Pictures may be missing.
        if (_part is { } part && place - part >= Times.PartPictures)
        {
            EndPart();
        }

        // By the grid on which key frames are asked for: after one that was late the next is in time.
        if (_first is not { } first
            || (unit.Kind == PacketKind.Key && (place - first) / Times.SegmentPictures > (_segment - first) / Times.SegmentPictures))
        {
            EndSegment(place);
            BeginSegment(place);
        }

        if (_part is null)
        {
            (_part, _isIndependent) = (place, unit.Kind == PacketKind.Key);
        }

        _sink.Write(unit);
        _next = place + 1;
        // Nobody waits for the picture after it.
        if (_next - _part >= Times.PartPictures)
        {
            EndPart();
        }
    }

    public void Complete()
    {
        if (_first is not null)
        {
            EndSegment(_next);
            _first = null;
        }

        _sink.Complete();
    }

    public void Abandon()
    {
        _first = null;
        _sink.Abandon();
    }

    public void Dispose()
    {
        try
        {
            Complete();
        }
        catch (Exception error) when (error is MediaException or OperationCanceledException)
        {
            // It failed before and is on its way out.
        }

        _sink.Dispose();
    }

    private void BeginSegment(long place)
    {
        var since = TimeSpan.FromSeconds(Times.SecondsOf(place - (_first ?? place)));
        // Pictures are given at a constant rate, of which the quickest to come tells most.
        _beganAt = _first is null || _playlist.Now - since < _beganAt ? _playlist.Now - since : _beganAt;
        _first ??= place;
        _segment = place;
        _playlist.BeginSegment(_beganAt + since);
    }

    private void EndSegment(long place)
    {
        if (_first is null)
        {
            return;
        }

        EndPart();
        _playlist.EndSegment(Times.SecondsOf(place - _segment));
    }

    private void EndPart()
    {
        if (_part is not { } begin)
        {
            return;
        }

        _part = null;
        _sink.EndFragment();
        _playlist.Add(_gathered.Take(), Times.SecondsOf(_next - begin), _isIndependent);
    }

    /// <summary>Bytes since the last look.</summary>
    private sealed class Gathered : IByteSink
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public int DatagramSize => 1 << 16;

        public LinkStatistics? Statistics => null;

        public bool Write(ReadOnlySpan<byte> datagram)
        {
            _bytes.Write(datagram);
            return true;
        }

        public byte[] Take()
        {
            var bytes = _bytes.WrittenSpan.ToArray();
            _bytes.ResetWrittenCount();
            return bytes;
        }

        public void Dispose()
        {
        }
    }
}
