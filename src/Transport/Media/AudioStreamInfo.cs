using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>
/// What a sink must know of an audio stream. Belongs to the source that gave it; sinks copy what they need when they open.
/// </summary>
public sealed unsafe class AudioStreamInfo : IDisposable
{
    private AVCodecParameters* _parameters;

    internal AudioStreamInfo(AVCodecParameters* parameters, Rational timeBase)
    {
        _parameters = avcodec_parameters_alloc();
        FFmpegError.ThrowIfFailed(avcodec_parameters_copy(_parameters, parameters), "audio stream");
        TimeBase = timeBase;
        Codec = avcodec_get_name(parameters->codec_id);
        SampleRate = parameters->sample_rate;
        Channels = parameters->ch_layout.nb_channels;
    }

    /// <summary>FFmpeg's name of the codec, such as "aac".</summary>
    public string Codec { get; }

    /// <summary>Samples a second.</summary>
    public int SampleRate { get; }

    /// <summary>Number of channels.</summary>
    public int Channels { get; }

    /// <summary>Seconds per tick of the packets' times.</summary>
    public Rational TimeBase { get; }

    internal AVCodecParameters* Parameters
    {
        get
        {
            ObjectDisposedException.ThrowIf(_parameters is null, this);
            return _parameters;
        }
    }

    /// <summary>True when a decoder for this stream decodes that one as well.</summary>
    internal bool Is(AVCodecParameters* other) =>
        Parameters->codec_id == other->codec_id
        && new ReadOnlySpan<byte>(Parameters->extradata, Parameters->extradata_size).SequenceEqual(
            new ReadOnlySpan<byte>(other->extradata, other->extradata_size));

    /// <summary>Frees the codec parameters; a second call does nothing.</summary>
    public void Dispose()
    {
        var parameters = _parameters;
        _parameters = null;
        avcodec_parameters_free(&parameters);
    }
}
