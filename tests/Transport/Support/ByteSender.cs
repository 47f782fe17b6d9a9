using FFmpeg.AutoGen;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>Sends bytes to an address that FFmpeg knows, as they are.</summary>
internal sealed unsafe class ByteSender : IDisposable
{
    private AVIOContext* _output;

    public ByteSender(string address)
    {
        FFmpegLibrary.Initialize();
        AVIOContext* output;
        FFmpegError.ThrowIfFailed(ffmpeg.avio_open2(&output, address, ffmpeg.AVIO_FLAG_WRITE, null, null), address);
        _output = output;
    }

    /// <summary>Sends a piece at once; what the other side does not take is lost.</summary>
    public void Send(byte[] bytes)
    {
        fixed (byte* data = bytes)
        {
            ffmpeg.avio_write(_output, data, bytes.Length);
        }

        ffmpeg.avio_flush(_output);
    }

    public void Dispose()
    {
        var output = _output;
        _output = null;
        _ = ffmpeg.avio_close(output);
    }
}
