using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Samples to packets of a live output. What is missing between two blocks becomes silence, what comes twice is left out.
/// </summary>
internal sealed unsafe class LiveSound : SoundTrack
{
    private const int LongestSilence = 10 * SoundBlock.Rate;
    private readonly SoundEncoder _encoder = null!;
    private readonly float[] _waiting;
    private int _filled;
    private long _encoded;
    private long? _next;
    private AVFrame* _frame = av_frame_alloc();
    private AVPacket* _packet = av_packet_alloc();

    public LiveSound(IPacketTarget file, AVCodec* codec, int bitRate)
        : base(file)
    {
        const int AnyFrameSize = 1024;
        try
        {
            _encoder = new SoundEncoder(codec, SoundBlock.Rate, SoundBlock.Channels, file, bitRate);
            if (_encoder.Context->sample_rate != SoundBlock.Rate)
            {
                throw new MediaException($"Sound encoder {EncoderChoice.NameOf(codec)} takes no {SoundBlock.Rate} Hz.");
            }

            Stream = file.AddStream(_encoder.Context);
            _waiting = new float[(_encoder.FrameSize == 0 ? AnyFrameSize : _encoder.FrameSize) * SoundBlock.Channels];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Takes a block whose place counts from <paramref name="start"/>.</summary>
    public void Write(SoundBlock block, long start)
    {
        var position = block.Position - start;
        var samples = block.Samples.AsSpan();
        var next = _next ?? 0;
        if (position < next)
        {
            samples = samples[(int)Math.Min(samples.Length, (next - position) * SoundBlock.Channels)..];
        }
        else if (position > next)
        {
            Silence(Math.Min(position - next, LongestSilence), position);
        }

        Append(samples);
        _next = Math.Max(next, position + block.Count);
    }

    public override void Write(AudioPacket packet) => throw new NotSupportedException("Live outputs take samples.");

    public override void Finish()
    {
        _encoder.Send(null);
        Drain();
    }

    public override void Dispose()
    {
        NativeObject.Free(ref _frame);
        NativeObject.Free(ref _packet);
        _encoder?.Dispose();
    }

    // After a gap longer than anybody would encode the times leap instead.
    private void Silence(long count, long position)
    {
        Span<float> silence = stackalloc float[512];
        silence.Clear();
        for (var left = count * SoundBlock.Channels; left > 0; left -= silence.Length)
        {
            Append(silence[..(int)Math.Min(left, silence.Length)]);
        }

        _encoded = Math.Max(_encoded, position - (_filled / SoundBlock.Channels));
    }

    private void Append(ReadOnlySpan<float> samples)
    {
        while (samples.Length > 0)
        {
            var count = Math.Min(samples.Length, _waiting.Length - _filled);
            samples[..count].CopyTo(_waiting.AsSpan(_filled));
            _filled += count;
            samples = samples[count..];
            if (_filled == _waiting.Length)
            {
                Encode();
            }
        }
    }

    private void Encode()
    {
        var context = _encoder.Context;
        av_frame_unref(_frame);
        var count = _waiting.Length / SoundBlock.Channels;
        (_frame->nb_samples, _frame->format, _frame->sample_rate) = (count, (int)context->sample_fmt, SoundBlock.Rate);
        var layout = NativeObject.AddressOf(ref _frame->ch_layout);
        var given = NativeObject.AddressOf(ref context->ch_layout);
        FFmpegError.ThrowIfFailed(av_channel_layout_copy(layout, given), "sound");
        FFmpegError.ThrowIfFailed(av_frame_get_buffer(_frame, 0), "sound buffer");
        Fill(context->sample_fmt, count);
        _frame->pts = _encoded;
        _encoded += count;
        _filled = 0;
        _encoder.Send(_frame);
        Drain();
    }

    private void Fill(AVSampleFormat format, int count)
    {
        switch (format)
        {
            case AVSampleFormat.AV_SAMPLE_FMT_FLTP:
                var left = new Span<float>(_frame->data[0], count);
                var right = new Span<float>(_frame->data[1], count);
                for (var i = 0; i < count; i++)
                {
                    (left[i], right[i]) = (_waiting[2 * i], _waiting[(2 * i) + 1]);
                }

                break;
            case AVSampleFormat.AV_SAMPLE_FMT_FLT:
                _waiting.CopyTo(new Span<float>(_frame->data[0], _waiting.Length));
                break;
            case AVSampleFormat.AV_SAMPLE_FMT_S16:
                var target = MemoryMarshal.Cast<byte, short>(new Span<byte>(_frame->data[0], _waiting.Length * sizeof(short)));
                for (var i = 0; i < _waiting.Length; i++)
                {
                    target[i] = (short)Math.Clamp(_waiting[i] * short.MaxValue, short.MinValue, short.MaxValue);
                }

                break;
            default:
                throw new MediaException(
                    $"Sound encoder {EncoderChoice.NameOf(_encoder.Context->codec)} takes samples of a kind that is not supported: choose "
                        + "another container.");
        }
    }

    private void Drain()
    {
        while (_encoder.TryReceive(_packet))
        {
            // What the encoder puts before the beginning: FLV takes no time before that of its first picture.
            if (_packet->pts < 0)
            {
                av_packet_unref(_packet);
                continue;
            }

            Store(_packet, _encoder.Context->time_base);
        }
    }
}
