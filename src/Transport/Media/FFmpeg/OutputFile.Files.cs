using System.Diagnostics;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

// What concerns files: their place on the disk, and that they can be played at every moment.
internal sealed unsafe partial class OutputFile
{
    // However slowly film is made, no more of it than this is lost when the program is ended at once.
    private static readonly TimeSpan FlushEvery = TimeSpan.FromSeconds(0.5);

    // A sound that is late must not keep the pictures waiting in memory.
    private const long LongestInterleaving = AV_TIME_BASE;

    private const string FragmentOption = "frag_duration";

    private readonly List<StreamTimes> _times = [];
    private readonly Stopwatch _sinceFlush = new();
    private long _headerEnd;
    private long _wholeEnd;
    private bool _headerIsStored;
    private bool _isTorn;

    /// <summary>What is left to do to a recording that is closed; null where there is nothing.</summary>
    public RecordingFinish? Rest() =>
        _isFinished && !_isTorn && _target.File is { IsPlain: true, IsInPlace: true } file
        && Recording.IsFragmented(_target.Format) && _times.Any(t => t.Count > 0)
        ? new RecordingFinish(_target.Shown, () => file.Improve(copy => FastStart.Write(file.CurrentPath, copy, _target.Format, _times)))
        : null;

    private void BeginFile()
    {
        // The muxer forbids what it could not tell of in a header written at once, such as AAC taken from a transport stream;
        // this header waits.
        _context->flags |= AVFMT_FLAG_AUTO_BSF;
        avio_flush(_context->pb);
        Check(PendingError);
        _headerEnd = _wholeEnd = Position;
        _sinceFlush.Restart();
        for (var i = 0; i < _context->nb_streams; i++)
        {
            _times.Add(new StreamTimes());
        }
    }

    private void WriteToFile(AVPacket* packet)
    {
        _times[packet->stream_index].Note(packet);
        var isDue = _sinceFlush.Elapsed > FlushEvery;
        var isFragmented = Recording.IsFragmented(_target.Format);
        if (isDue && isFragmented)
        {
            // A fragment that a packet closes knows exactly how long its own last packet lasts.
            _ = av_opt_set_int(_context->priv_data, FragmentOption, 1, 0);
        }

        var stored = av_interleaved_write_frame(_context, packet);
        if (isDue && stored >= 0)
        {
            stored = Flush(isFragmented);
        }

        _isTorn |= stored < 0 || PendingError < 0;
        Check(stored < 0 ? stored : PendingError);
        Arrive();
    }

    private int Flush(bool isFragmented)
    {
        if (isFragmented)
        {
            _ = av_opt_set_int(_context->priv_data, FragmentOption, Recording.FragmentMicroseconds, 0);
        }

        if (isFragmented && Position > _headerEnd)
        {
            return 0;
        }

        // The header waits for a packet of every stream: a sound that begins later is not waited for.
        // The first call writes the header, the next one what there is.
        var result = av_write_frame(_context, null);
        if (result < 0 || !isFragmented)
        {
            return result;
        }

        if (!_headerIsStored)
        {
            // Nothing can be played of it alone, as long as all pictures wait for the sound: it must not take an older file's place.
            _headerIsStored = true;
            _headerEnd = _wholeEnd = Position;
        }

        return av_write_frame(_context, null);
    }

    private void Arrive()
    {
        var position = Position;
        if (position == _wholeEnd)
        {
            return;
        }

        _wholeEnd = position;
        _sinceFlush.Restart();
        if (_target.File is { IsInPlace: false } file)
        {
            avio_flush(_context->pb);
            Check(PendingError);
            Place(file);
        }
    }

    private void Place(WrittenFile file)
    {
        try
        {
            file.Arrive();
        }
        catch (IOException error)
        {
            var why = error.Message.TrimEnd('.');
            throw new MediaException(
                $"Output '{_target.Shown}' cannot be replaced: {why}; what was written is in '{file.CurrentPath}'.", error);
        }
    }

    private void Settle()
    {
        if (_target.File is not { IsPlain: true } file)
        {
            return;
        }

        if (_isTorn ? _wholeEnd == _headerEnd : _times.All(t => t.Count == 0))
        {
            file.Remove();
            return;
        }

        if (_isTorn)
        {
            file.CutTo(_wholeEnd);
        }

        Place(file);
    }
}
