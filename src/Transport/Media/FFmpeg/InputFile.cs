using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>An opened container: its streams and its packets.</summary>
internal sealed unsafe class InputFile : IDisposable
{
    // Demuxers that make a "picture" of any text or binary file.
    private static readonly string[] TextDemuxers = ["tty", "bin", "xbin", "adf", "idf"];

    private readonly AVIOInterruptCB_callback _interrupt;
    private CancellationToken _cancellation;
    private AVFormatContext* _format;

    public InputFile(string path)
    {
        Av.Initialize();
        CheckPath(path);
        Path = path;
        _interrupt = _ => _cancellation.IsCancellationRequested ? 1 : 0;
        var format = Av.Allocated(avformat_alloc_context());
        format->interrupt_callback.callback = _interrupt;
        // Frees the context itself when it fails.
        var code = avformat_open_input(&format, path, null, null);
        if (code < 0)
            throw NotReadable(code);
        _format = format;
        try
        {
            code = avformat_find_stream_info(_format, null);
            if (code < 0)
                throw NotReadable(code);
            if (TextDemuxers.Contains(System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)_format->iformat->name)))
                throw new MediaException($"{path} is not a video file");
            Video = FindVideo();
            var audio = av_find_best_stream(_format, AVMediaType.AVMEDIA_TYPE_AUDIO, -1, Video->index, null, 0);
            Audio = audio >= 0 && _format->streams[audio]->codecpar->sample_rate > 0 ? _format->streams[audio] : null;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; }

    public AVFormatContext* Format => _format;

    public AVStream* Video { get; }

    /// <summary>Null when there is no sound.</summary>
    public AVStream* Audio { get; }

    /// <summary>Where the file's own clock begins, in a stream's units.</summary>
    public long StartIn(AVRational timeBase) =>
        _format->start_time == AV_NOPTS_VALUE ? 0 : av_rescale_q(_format->start_time, new AVRational { num = 1, den = AV_TIME_BASE }, timeBase);

    /// <summary>Reads the next packet; 0, AVERROR_EOF or another error.</summary>
    public int Read(AVPacket* packet, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        return av_read_frame(_format, packet);
    }

    public void Dispose()
    {
        var format = _format;
        _format = null;
        if (format != null)
            avformat_close_input(&format);
    }

    private AVStream* FindVideo()
    {
        var index = av_find_best_stream(_format, AVMediaType.AVMEDIA_TYPE_VIDEO, -1, -1, null, 0);
        var stream = index >= 0 ? _format->streams[index] : null;
        if (stream == null || (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
            throw new MediaException($"{Path} has no video{(_format->nb_streams > 0 ? " (only sound)" : "")}: give a file with a video stream");
        if (stream->codecpar->width <= 0 || stream->codecpar->height <= 0)
            throw new MediaException($"{Path} is damaged: its video has no size");
        return stream;
    }

    private MediaException NotReadable(int code) => new(
        code == AVERROR_INVALIDDATA
            ? $"{Path} is not a video file, or is damaged or cut off before its first picture"
            : $"cannot open {Path}: {Av.Message(code)}");

    private static void CheckPath(string path)
    {
        if (path.Contains("://", StringComparison.Ordinal))
            return;
        if (Directory.Exists(path))
            throw new MediaException($"{path} is a folder: give a video file");
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new MediaException($"{path} does not exist");
        if (file.Length == 0)
            throw new MediaException($"{path} is empty");
    }
}
