using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>An output container: its streams, header, packets and trailer.</summary>
internal sealed unsafe class Muxer : IDisposable
{
    private readonly string _path;
    private AVFormatContext* _format;
    private bool _headerWritten;
    private bool _trailerWritten;

    public Muxer(string path)
    {
        Av.Initialize();
        _path = path;
        AVFormatContext* format;
        if (avformat_alloc_output_context2(&format, null, null, path) < 0 || format == null)
            throw new MediaException($"{path}: the file name's extension names no known container (use .mp4, .mkv, .webm, .mov, .ts, ...)");
        _format = format;
        // Sound and picture come out of step by the pipeline's depth; what came first waits for the other however long it takes.
        _format->max_interleave_delta = 0;
    }

    public string Container => System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)_format->oformat->name) ?? "";

    public AVCodecID DefaultVideoCodec => _format->oformat->video_codec;

    public AVCodecID DefaultAudioCodec => _format->oformat->audio_codec;

    public bool WantsGlobalHeader => (_format->oformat->flags & AVFMT_GLOBALHEADER) != 0;

    public bool Accepts(AVCodecID codec) => avformat_query_codec(_format->oformat, codec, FF_COMPLIANCE_NORMAL) == 1;

    public AVStream* AddStream()
    {
        var stream = Av.Allocated(avformat_new_stream(_format, null));
        return stream;
    }

    /// <summary>Opens the file and writes the header; the streams' time bases are settled afterwards.</summary>
    public void Begin()
    {
        var code = avio_open(&_format->pb, _path, AVIO_FLAG_WRITE);
        if (code < 0)
            throw new MediaException($"cannot write {_path}: {Av.Message(code)}{Hint()}");
        Check(avformat_write_header(_format, null));
        _headerWritten = true;
    }

    /// <summary>Writes a packet whose timestamps are in the given units; its contents are taken.</summary>
    public void Write(AVPacket* packet, AVStream* stream, AVRational timeBase)
    {
        av_packet_rescale_ts(packet, timeBase, stream->time_base);
        packet->stream_index = stream->index;
        packet->pos = -1;
        Check(av_interleaved_write_frame(_format, packet));
    }

    /// <summary>Writes what the container needs at its end.</summary>
    public void Finish()
    {
        if (!_headerWritten || _trailerWritten)
            return;
        _trailerWritten = true;
        Check(av_write_trailer(_format));
        var code = avio_closep(&_format->pb);
        Check(code);
    }

    public void Dispose()
    {
        var format = _format;
        _format = null;
        if (format == null)
            return;
        if (_headerWritten && !_trailerWritten)
            _ = av_write_trailer(format);
        if (format->pb != null)
            _ = avio_closep(&format->pb);
        avformat_free_context(format);
    }

    private void Check(int code)
    {
        if (code < 0)
            throw new MediaException($"cannot write {_path}: {Av.Message(code)}");
    }

    private string Hint()
    {
        if (Directory.Exists(_path))
            return " (it is a folder)";
        var folder = Path.GetDirectoryName(Path.GetFullPath(_path));
        return Directory.Exists(folder) ? "" : $" (the folder {folder} does not exist)";
    }
}
