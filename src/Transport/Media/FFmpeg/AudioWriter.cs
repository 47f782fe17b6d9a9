using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Puts the source's sound into the output: as it is where the container can hold it, transcoded otherwise.</summary>
internal sealed unsafe class AudioWriter : IDisposable
{
    private readonly Muxer _muxer;
    private readonly AVRational _timeBase;
    private readonly AVStream* _stream;
    private readonly AudioTranscoder? _transcoder;
    private AVPacket* _copy = Av.Allocated(av_packet_alloc());
    private long _lastDts = long.MinValue;

    public AudioWriter(Muxer muxer, AudioStreamInfo audio)
    {
        _muxer = muxer;
        _timeBase = Av.ToNative(audio.TimeBase);
        _stream = muxer.AddStream();
        if (muxer.Accepts(audio.Native->codec_id))
        {
            Av.Check(avcodec_parameters_copy(_stream->codecpar, audio.Native), "sound");
            // Tags belong to the container that the sound came from.
            _stream->codecpar->codec_tag = 0;
            _stream->time_base = _timeBase;
        }
        else
        {
            _transcoder = new AudioTranscoder(muxer, _stream, audio);
        }
    }

    public void Write(AudioPacket packet)
    {
        if (_transcoder is not null)
        {
            _transcoder.Write(packet.Native);
            return;
        }
        // A timestamp that does not grow would end the file; such a packet follows from a damaged source.
        var dts = packet.Native->dts;
        if (dts == AV_NOPTS_VALUE || dts <= _lastDts)
            return;
        _lastDts = dts;
        Av.Check(av_packet_ref(_copy, packet.Native), "sound");
        _muxer.Write(_copy, _stream, _timeBase);
    }

    public void Flush() => _transcoder?.Flush();

    public void Dispose()
    {
        _transcoder?.Dispose();
        var copy = _copy;
        _copy = null;
        av_packet_free(&copy);
    }
}
