using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What a container has to know of an encoder's stream; a copy that outlives the encoder.</summary>
public sealed unsafe class StreamDescription : IDisposable
{
    private readonly AVRational _timeBase;
    private readonly AVRational _rate;
    private AVCodecParameters* _parameters = avcodec_parameters_alloc();

    internal StreamDescription(AVStream* stream)
    {
        (_timeBase, _rate) = (stream->time_base, stream->avg_frame_rate);
        FFmpegError.ThrowIfFailed(avcodec_parameters_copy(_parameters, stream->codecpar), "stream");
    }

    /// <summary>Its codec in the words of players (RFC 6381).</summary>
    public string Codec => CodecNames.Of(_parameters);

    /// <summary>Pixels a row and rows of pictures; zero of sound.</summary>
    public (int Width, int Height) Size => (_parameters->width, _parameters->height);

    /// <summary>Makes a stream of a container one of this kind.</summary>
    internal void Describe(AVStream* stream)
    {
        FFmpegError.ThrowIfFailed(avcodec_parameters_copy(stream->codecpar, _parameters), "output stream");
        (stream->time_base, stream->avg_frame_rate) = (_timeBase, _rate);
    }

    /// <summary>Frees the copy.</summary>
    public void Dispose()
    {
        var parameters = _parameters;
        _parameters = null;
        avcodec_parameters_free(&parameters);
    }
}
