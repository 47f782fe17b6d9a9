using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Copies a fragmented file, packet by packet, to an ordinary one with its index in front. Times stay as they are.</summary>
internal sealed unsafe class FastStart : IDisposable
{
    private readonly IReadOnlyList<StreamTimes> _times;
    private readonly long[] _copied;
    private readonly long[] _shifts;
    private AVFormatContext* _from;
    private AVFormatContext* _to;
    private AVPacket* _packet = av_packet_alloc();

    private FastStart(IReadOnlyList<StreamTimes> times) =>
        (_times, _copied, _shifts) = (times, new long[times.Count], new long[times.Count]);

    /// <exception cref="MediaException">Reading or writing failed, such as where there is no room for the copy.</exception>
    public static void Write(string source, string target, string format, IReadOnlyList<StreamTimes> times)
    {
        using var copy = new FastStart(times);
        copy.OpenSource(source);
        copy.Open(target, format);
        copy.Copy();
        copy.Close();
    }

    public void Dispose()
    {
        NativeObject.Free(ref _packet);
        var from = _from;
        avformat_close_input(&from);
        _from = null;
        if (_to is not null)
        {
            _ = avio_closep(&_to->pb);
            avformat_free_context(_to);
            _to = null;
        }
    }

    private void OpenSource(string source)
    {
        AVFormatContext* context = null;
        FFmpegError.ThrowIfFailed(avformat_open_input(&context, "file:" + source, null, null), "reading it again");
        _from = context;
        FFmpegError.ThrowIfFailed(avformat_find_stream_info(_from, null), "reading it again");
        if (_from->nb_streams != _times.Count)
        {
            throw new MediaException("a stream of it cannot be read again");
        }
    }

    private void Open(string target, string format)
    {
        AVFormatContext* context;
        FFmpegError.ThrowIfFailed(avformat_alloc_output_context2(&context, null, format, "file:" + target), "copy");
        _to = context;
        for (var i = 0; i < _from->nb_streams; i++)
        {
            var source = _from->streams[i];
            var stream = avformat_new_stream(_to, null);
            FFmpegError.ThrowIfFailed(avcodec_parameters_copy(stream->codecpar, source->codecpar), "copy");
            (stream->time_base, stream->avg_frame_rate) = (source->time_base, source->avg_frame_rate);
            (stream->sample_aspect_ratio, stream->disposition) = (source->sample_aspect_ratio, source->disposition);
        }

        AVDictionary* options = null;
        _ = av_dict_set(&options, "movflags", "+faststart", 0);
        var result = avio_open2(&_to->pb, "file:" + target, AVIO_FLAG_WRITE, null, null);
        result = result < 0 ? result : avformat_write_header(_to, &options);
        av_dict_free(&options);
        Check(result);
    }

    private void Copy()
    {
        int result;
        while ((result = av_read_frame(_from, _packet)) >= 0)
        {
            Mend(_packet);
            Check(av_interleaved_write_frame(_to, _packet));
        }

        if (result != AVERROR_EOF)
        {
            Check(result);
        }

        for (var i = 0; i < _times.Count; i++)
        {
            if (_copied[i] == 0 && _times[i].Count > 0)
            {
                throw new MediaException("a stream of it cannot be read again");
            }
        }
    }

    private void Mend(AVPacket* packet)
    {
        var (index, times) = (packet->stream_index, _times[packet->stream_index]);
        if (_copied[index]++ == 0)
        {
            _shifts[index] = times.First - packet->dts;
        }

        packet->pts += _shifts[index];
        packet->dts += _shifts[index];
        packet->duration = _copied[index] == times.Count ? times.LastDuration : packet->duration;
        packet->pos = -1;
        // Not shown by reason of the edit list, which the copy has too.
        packet->flags &= ~AV_PKT_FLAG_DISCARD;
        av_packet_rescale_ts(packet, _from->streams[index]->time_base, _to->streams[index]->time_base);
    }

    private void Close()
    {
        var trailer = av_write_trailer(_to);
        var pending = _to->pb->error;
        var closed = avio_closep(&_to->pb);
        Check(trailer < 0 ? trailer : pending < 0 ? pending : closed);
    }

    private void Check(int result)
    {
        var failed = result < 0 || _to->pb is null ? result : _to->pb->error;
        if (failed < 0)
        {
            throw new MediaException(FFmpegError.Describe(failed));
        }
    }
}
