using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Sound packets of a source to samples, 48 kHz stereo; also when the sound changes its shape on the way.</summary>
public sealed unsafe class SoundReader : IDisposable
{
    private readonly SoundDecoder _decoder;
    private readonly Rational _timeBase;
    private FilterGraph? _filter;
    private (int Rate, int Format, int Channels) _shape;
    private AVFrame* _decoded = av_frame_alloc();
    private AVFrame* _converted = av_frame_alloc();
    private long _position;

    /// <exception cref="MediaException">No decoder exists.</exception>
    public SoundReader(AudioStreamInfo audio)
    {
        ArgumentNullException.ThrowIfNull(audio);
        _decoder = new SoundDecoder(audio);
        _timeBase = audio.TimeBase;
    }

    /// <summary>Decodes a packet; each block carries the source's own time, in sample pairs since the source began.</summary>
    public IReadOnlyList<SoundBlock> Read(AudioPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var blocks = new List<SoundBlock>();
        _decoder.Send(packet);
        while (_decoder.TryReceive(_decoded))
        {
            PrepareFilter();
            _filter!.Push(_decoded);
            while (_filter.TryPull(_converted))
            {
                blocks.Add(Take());
            }
        }

        return blocks;
    }

    /// <summary>Frees the decoder.</summary>
    public void Dispose()
    {
        _filter?.Dispose();
        _decoder.Dispose();
        NativeObject.Free(ref _decoded);
        NativeObject.Free(ref _converted);
    }

    private void PrepareFilter()
    {
        var shape = (_decoded->sample_rate, _decoded->format, _decoded->ch_layout.nb_channels);
        if (_filter is not null && shape == _shape)
        {
            return;
        }

        _filter?.Dispose();
        _filter = FilterGraph.ForSound(_decoded, _timeBase,
            $"aresample={SoundBlock.Rate},aformat=sample_fmts=flt:sample_rates={SoundBlock.Rate}:channel_layouts=stereo");
        _shape = shape;
    }

    // Pieces of one packet follow each other without times of their own.
    private SoundBlock Take()
    {
        var samples = new Span<float>(_converted->data[0], _converted->nb_samples * SoundBlock.Channels).ToArray();
        var hasTime = _converted->pts != AV_NOPTS_VALUE;
        _position = hasTime ? _filter!.OutputTimeBase.Rescale(_converted->pts, new Rational(1, SoundBlock.Rate)) : _position;
        var block = new SoundBlock(_position, samples);
        _position += block.Count;
        av_frame_unref(_converted);
        return block;
    }
}
