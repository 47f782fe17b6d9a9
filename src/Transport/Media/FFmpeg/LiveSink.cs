using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// A container that was opened once: encoded pictures and sound as they come, their times beginning at zero with the first picture.
/// </summary>
internal sealed unsafe class LiveSink : ILiveSink
{
    private readonly OutputFile _file;
    private readonly AVStream* _pictures;
    private readonly AVStream* _sound;
    private readonly bool _isInBand;
    private AVPacket* _packet = av_packet_alloc();
    private bool _hasBegun;
    private bool _isFinished;

    /// <param name="target">Where it goes.</param>
    /// <param name="pictures">Its pictures.</param>
    /// <param name="sound">Its sound; null for none.</param>
    /// <param name="ct">Ends the attempt, and what is being written.</param>
    /// <exception cref="MediaException">It cannot be opened now, or container and codec do not go together.</exception>
    public LiveSink(OutputTarget target, StreamDescription pictures, StreamDescription? sound, CancellationToken ct)
    {
        _file = new OutputFile(target, ct);
        try
        {
            // Pieces of a playlist are transport streams, whatever its muxer says of itself.
            _isInBand = !_file.WantsGlobalHeaders || target.Format == "hls";
            _pictures = _file.AddStream(pictures);
            FrameEncoderSetup.TagForPlayers(_pictures, _file.Format);
            _sound = sound is null ? null : _file.AddStream(sound);
            _file.WriteHeader();
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>Where its times begin; null (the default) with its first picture.</summary>
    public (long Place, Rational TimeBase)? Zero { get; set; }

    public LinkStatistics? Link => _file.Link;

    public RecordingFinish? Rest => _file.Rest();

    public void Write(EncodedUnit unit)
    {
        var isSound = unit.Kind == PacketKind.Sound;
        if (isSound && (_sound is null || !_hasBegun))
        {
            return;
        }

        _hasBegun = true;
        var (place, timeBase) = Zero ??= (unit.Place, unit.TimeBase);
        var zero = timeBase.Rescale(place, unit.TimeBase);
        if (unit.Place < zero)
        {
            return;
        }

        var stream = isSound ? _sound : _pictures;
        unit.CopyTo(_packet, _isInBand);
        _packet->pts -= zero;
        _packet->dts -= zero;
        av_packet_rescale_ts(_packet, unit.TimeBase.ToNative(), stream->time_base);
        (_packet->stream_index, _packet->pos) = (stream->index, -1);
        _file.Write(_packet);
    }

    /// <summary>Ends a fragment of a container that is told where they end.</summary>
    public void EndFragment() => _file.EndFragment();

    public void Complete()
    {
        if (!_isFinished)
        {
            _isFinished = true;
            _file.Finish();
        }
    }

    public void Abandon() => _isFinished = true;

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

        Free();
    }

    private void Free()
    {
        NativeObject.Free(ref _packet);
        _file.Dispose();
    }
}
