namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Writes a video file. However it ends, what was written can be played.</summary>
internal sealed class FileSink : IFrameSink
{
    private readonly Muxer _muxer;
    private readonly VideoEncoder _video;
    private readonly AudioWriter? _audio;
    private bool _completed;

    public FileSink(SinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        _muxer = new Muxer(options.Output);
        try
        {
            _video = new VideoEncoder(_muxer, options, video);
            if (audio is not null && _muxer.DefaultAudioCodec != global::FFmpeg.AutoGen.AVCodecID.AV_CODEC_ID_NONE)
                _audio = new AudioWriter(_muxer, audio);
            _muxer.Begin();
        }
        catch
        {
            Release();
            throw;
        }
    }

    public void Write(VideoFrame frame) => _video.Write(frame);

    public void Write(AudioPacket packet) => _audio?.Write(packet);

    public void Complete()
    {
        if (_completed)
            return;
        _completed = true;
        _video.Flush();
        _audio?.Flush();
        _muxer.Finish();
    }

    public void Dispose()
    {
        try
        {
            Complete();
        }
        catch (MediaException)
        {
            // Already failing: the trailer that the muxer writes when it is released is the best that can be done.
        }
        Release();
    }

    private void Release()
    {
        _audio?.Dispose();
        _video?.Dispose();
        _muxer.Dispose();
    }
}
