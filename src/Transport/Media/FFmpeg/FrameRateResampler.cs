using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Repeats or leaves out pictures to reach a constant rate, with the rule of FFmpeg's fps filter:
/// a picture is shown at its time rounded to the nearest output frame, until the next one; of two for one frame the later wins.
/// </summary>
internal sealed unsafe class FrameRateResampler(Rational inputTimeBase, Rational rate) : IDisposable
{
    private AVFrame* _shown = av_frame_alloc();
    private AVFrame* _following = av_frame_alloc();
    private long? _end;
    private long _next;
    private bool _hasShown;
    private bool _hasFollowing;
    private bool _hasYielded;

    /// <summary>Takes over the picture and leaves the given frame empty; only after <see cref="TryTake"/> said false.</summary>
    public void Push(AVFrame* picture)
    {
        av_frame_move_ref(_following, picture);
        _hasFollowing = true;
    }

    /// <summary>Tells that no picture follows: the last one lasts for its duration.</summary>
    public void Finish()
    {
        if (_hasShown || _hasFollowing)
        {
            var last = _hasFollowing ? _following : _shown;
            _end = ToOutput(last->pts + last->pkt_duration);
        }
    }

    /// <summary>
    /// Another reference to the picture of the next output frame, its time in output frames; false when more input is needed.
    /// </summary>
    public bool TryTake(AVFrame* frame)
    {
        while (_hasShown || _hasFollowing)
        {
            if (_hasShown && _next < ShownUntil())
            {
                FFmpegError.ThrowIfFailed(av_frame_ref(frame, _shown), "frame rate");
                frame->pts = _next++;
                frame->pkt_duration = 1;
                _hasYielded = true;
                return true;
            }

            if (!_hasFollowing)
            {
                return false;
            }

            Advance();
        }

        return false;
    }

    public void Dispose()
    {
        NativeObject.Free(ref _shown);
        NativeObject.Free(ref _following);
        (_hasShown, _hasFollowing) = (false, false);
    }

    private long ShownUntil()
    {
        if (_hasFollowing)
        {
            return ToOutput(_following->pts);
        }

        // A clip shorter than half an output frame still yields one.
        return _end is not { } end ? _next : _hasYielded ? end : Math.Max(end, _next + 1);
    }

    private void Advance()
    {
        var first = ToOutput(_following->pts);
        _next = _hasShown ? Math.Max(_next, first) : first;
        av_frame_unref(_shown);
        av_frame_move_ref(_shown, _following);
        (_hasShown, _hasFollowing) = (true, false);
    }

    private long ToOutput(long ticks) => inputTimeBase.Rescale(ticks, rate.Inverse);
}
