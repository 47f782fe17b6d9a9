using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

// What concerns the part of the file that is taken: the way to its start, and where it ends.
internal sealed unsafe partial class FileSource
{
    // Indexes go by decoding time, and the frames shown before a key frame may need those before it.
    private static readonly TimeSpan FirstMargin = TimeSpan.FromSeconds(1);
    private const int MarginGrowth = 4;

    // Sound is stored no farther from the frames of its time.
    private static readonly TimeSpan LongestInterleaving = TimeSpan.FromSeconds(10);

    private readonly TimeWindow _window = null!;
    private TimeSpan _margin;
    private long _lastSound = long.MinValue;
    private bool _isSeeking;
    private bool _isSoundPast;

    // True when everything that is taken has been read.
    private bool IsPast => _path.IsPast && (Audio is null || _isSoundPast);

    private void SeekStart()
    {
        if (_window.Start > TimeSpan.Zero)
        {
            _margin = FirstMargin;
            Seek();
        }
    }

    private void Seek()
    {
        var isAtBeginning = _margin >= _window.Start;
        var timeBase = _file.Video->time_base.ToRational();
        var time = isAtBeginning ? 0 : _window.Shift(timeBase) - new Rational(1, 1).Rescale((long)_margin.TotalSeconds, timeBase);
        // Where it cannot be gone to, what comes before is read and left out.
        _isSeeking = _file.TrySeek(_videoStart + time) && !isAtBeginning;
        _decoder.Flush();
        _sound?.Restart();
        _accepted = null;
    }

    private void SeekFarther()
    {
        _margin *= MarginGrowth;
        _packetsEnded = false;
        Seek();
    }

    // Some containers find a later place than they were asked for.
    private bool HasFoundStart(long? time)
    {
        if (time is { } given && _file.Video->time_base.ToRational().ToTime(given) <= _window.Start)
        {
            _isSeeking = false;
            return true;
        }

        SeekFarther();
        return false;
    }

    private void SendFrame()
    {
        if (!_path.IsPast)
        {
            _decoder.Send(_packet);
        }
        else if (_packet->dts != AV_NOPTS_VALUE)
        {
            var time = _file.Video->time_base.ToRational().ToTime(_packet->dts - _videoStart + _times.Offset);
            _isSoundPast |= time - _window.End > LongestInterleaving;
        }
    }

    private bool IsTaken(AudioPacket sound)
    {
        if (_window.IsWhole || sound.Pts == AV_NOPTS_VALUE)
        {
            return true;
        }

        _isSoundPast |= _window.IsPast(sound.Pts, sound.TimeBase);
        // What was read before a second search comes by again.
        var isTaken = !_isSoundPast && !_window.IsBefore(sound.Pts, sound.TimeBase) && sound.Pts > _lastSound;
        _lastSound = isTaken ? sound.Pts : _lastSound;
        sound.Pts -= _window.Shift(sound.TimeBase);
        return isTaken;
    }
}
