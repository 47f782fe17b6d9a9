using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Keeps sound at its distance to the pictures where their times leap. Pictures are decoded a while after sound of their time is read:
/// sound of a timeline that they have not come to waits until it is known by how much they are moved.
/// </summary>
/// <param name="timeBase">Seconds per tick of the times here; packets may have others.</param>
/// <param name="jumpsForward">True where times may leap, see <see cref="TimestampRepair"/>.</param>
/// <param name="mostHeld">
/// Packets that wait at most. Default: some twenty seconds of what is coded as usual, for nothing is interleaved so badly.
/// </param>
internal sealed class SoundTimeline(Rational timeBase, bool jumpsForward, int mostHeld = 1024) : IDisposable
{
    private readonly Queue<AudioPacket> _held = new();
    private (long First, long Last)? _run;
    private long? _expected;
    private long _shift;

    /// <summary>Takes a packet that has the source's own time, or none.</summary>
    public void Add(AudioPacket packet)
    {
        _held.Enqueue(packet);
        if (packet.Pts != AV_NOPTS_VALUE)
        {
            var time = packet.TimeBase.Rescale(packet.Pts, timeBase);
            _run = _run is not { } run || IsLeap(time - run.Last) ? (time, time) : (run.First, time);
        }
    }

    /// <summary>Only the newest packets stay.</summary>
    public void Keep(int most)
    {
        while (_held.Count > most)
        {
            _held.Dequeue().Dispose();
        }
    }

    /// <summary>The next packet, at its time beside the pictures; null where there is none, or it must wait.</summary>
    /// <param name="shift">Ticks by which pictures that are accepted now are moved.</param>
    /// <param name="picture">The source's own time of the picture accepted last; null before the first.</param>
    /// <param name="isOver">True when no picture follows: nothing waits any more.</param>
    public AudioPacket? Take(long shift, long? picture, bool isOver)
    {
        if (!_held.TryPeek(out var next))
        {
            return null;
        }

        if (next.Pts != AV_NOPTS_VALUE)
        {
            var time = next.TimeBase.Rescale(next.Pts, timeBase);
            if (ShiftOf(time, shift, picture, isOver || _held.Count > mostHeld) is not { } found)
            {
                return null;
            }

            _shift = found;
            next.Pts += timeBase.Rescale(found, next.TimeBase);
            _expected = time + found + next.TimeBase.Rescale(next.Duration, timeBase);
        }

        return _held.Dequeue();
    }

    /// <summary>True where sound goes on between two times of the source: what leaps there is not the timeline.</summary>
    public bool GoesOn(long from, long to) =>
        // By its middle: sound is read a little before or after the pictures of its time.
        _run is { } run && run.First < from + ((to - from) / 2) && run.Last > from + ((to - from) / 2);

    /// <summary>Forgets what was read: what follows is of another place.</summary>
    public void Restart()
    {
        Dispose();
        (_run, _expected) = (null, null);
    }

    public void Dispose()
    {
        while (_held.TryDequeue(out var packet))
        {
            packet.Dispose();
        }
    }

    // Null for what must wait.
    private long? ShiftOf(long time, long shift, long? picture, bool mustGo)
    {
        if (_expected is not { } expected)
        {
            return shift;
        }

        // Pictures may come to the new timeline before its sound does: the old one's goes on as it was.
        var nearest = Math.Abs(time + _shift - expected) < Math.Abs(time + shift - expected) ? _shift : shift;
        if (!IsLeap(time + nearest - expected))
        {
            return nearest;
        }

        // Where pictures go through the time that the sound has left out, there was no sound.
        if (time + shift > expected && picture >= time)
        {
            return shift;
        }

        if (!mustGo)
        {
            return null;
        }

        // Sound has leapt and pictures have not: it goes on where they are, or where it was.
        return picture is { } at && Math.Abs(time - at) < Math.Abs(expected - at - shift) ? shift : expected - time;
    }

    private bool IsLeap(long ticks)
    {
        var seconds = ticks * timeBase.ToDouble();
        return seconds < -TimestampRepair.RestartSeconds || (jumpsForward && seconds > TimestampRepair.LeapSeconds);
    }
}
