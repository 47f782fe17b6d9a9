using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Sound that the container cannot hold as it is: decoded, resampled and encoded again, its times kept.</summary>
internal sealed unsafe class TranscodedSound : SoundTrack
{
    private readonly Rational _timeBase;
    private readonly SoundDecoder _decoder;
    private readonly SoundEncoder _encoder = null!;
    private FilterGraph? _filter;
    private SoundShape _filteredShape;
    private AVFrame* _decoded = av_frame_alloc();
    private AVFrame* _converted = av_frame_alloc();
    private AVPacket* _packet = av_packet_alloc();

    public TranscodedSound(OutputFile file, AudioStreamInfo audio, AVCodec* codec, int bitRate)
        : base(file)
    {
        _timeBase = audio.TimeBase;
        _decoder = new SoundDecoder(audio);
        try
        {
            _encoder = new SoundEncoder(codec, audio.SampleRate, audio.Channels, file, bitRate);
            Stream = file.AddStream(_encoder.Context);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override void Write(AudioPacket packet)
    {
        if (packet.Pts == AV_NOPTS_VALUE)
        {
            return;
        }

        _decoder.Send(packet);
        DrainDecoder();
    }

    public override void Finish()
    {
        _decoder.Send(null);
        DrainDecoder();
        FinishFilter();
        _encoder.Send(null);
        DrainEncoder();
    }

    public override void Dispose()
    {
        NativeObject.Free(ref _decoded);
        NativeObject.Free(ref _converted);
        NativeObject.Free(ref _packet);
        _filter?.Dispose();
        _decoder.Dispose();
        _encoder?.Dispose();
    }

    private void DrainDecoder()
    {
        while (_decoder.TryReceive(_decoded))
        {
            var shape = new SoundShape(_decoded->sample_rate, _decoded->format, _decoded->ch_layout.nb_channels);
            if (_filter is null || shape != _filteredShape)
            {
                FinishFilter();
                _filter = FilterGraph.ForSound(_decoded, _timeBase, _encoder.Filters());
                _filter.SetFrameSize(_encoder.FrameSize);
                _filteredShape = shape;
            }

            _filter.Push(_decoded);
            DrainFilter(_filter);
        }
    }

    // Also when the sound changes its shape in the middle: a new graph is needed, the old one still holds some.
    private void FinishFilter()
    {
        if (_filter is null)
        {
            return;
        }

        _filter.Push(null);
        DrainFilter(_filter);
        _filter.Dispose();
        _filter = null;
    }

    private void DrainFilter(FilterGraph filter)
    {
        while (filter.TryPull(_converted))
        {
            _converted->pts = filter.OutputTimeBase.Rescale(_converted->pts, _encoder.Context->time_base.ToRational());
            _encoder.Send(_converted);
            av_frame_unref(_converted);
            DrainEncoder();
        }
    }

    private void DrainEncoder()
    {
        while (_encoder.TryReceive(_packet))
        {
            Store(_packet, _encoder.Context->time_base);
        }
    }

    private readonly record struct SoundShape(int Rate, int Format, int Channels);
}
