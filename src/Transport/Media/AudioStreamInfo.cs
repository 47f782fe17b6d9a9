using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.FFmpeg;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>How the sound of a source is coded; stays the source's, and a sink keeps a copy of what it needs.</summary>
public sealed unsafe class AudioStreamInfo : IDisposable
{
    private AVCodecParameters* _parameters;

    internal AudioStreamInfo(AVCodecParameters* parameters, AVRational timeBase)
    {
        _parameters = avcodec_parameters_alloc();
        Av.Check(avcodec_parameters_copy(_parameters, parameters), "sound");
        TimeBase = new Rational(timeBase.num, timeBase.den);
    }

    /// <summary>Unit of the packets' timestamps, in seconds.</summary>
    public Rational TimeBase { get; }

    /// <summary>Samples per second.</summary>
    public int SampleRate => _parameters->sample_rate;

    public string Codec => avcodec_get_name(_parameters->codec_id);

    internal AVCodecParameters* Native => _parameters;

    public void Dispose()
    {
        var parameters = _parameters;
        _parameters = null;
        if (parameters != null)
            avcodec_parameters_free(&parameters);
    }
}
