using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Opens every address that a container needs, the first one and those that it leads to: pieces of a playlist, its keys, what it is
/// redirected to. FFmpeg passes the settings of the first one on to some of them only, and those of TLS to none: a certificate would be
/// looked at once.
/// </summary>
internal sealed unsafe class NetworkOpening
{
    // FFmpeg keeps only the address.
    private readonly AVFormatContext_io_open _open;

    public NetworkOpening() => _open = Open;

    public void Attach(AVFormatContext* context) => context->io_open = _open;

    // Nothing may be thrown into FFmpeg.
    private int Open(AVFormatContext* context, AVIOContext** io, string url, int flags, AVDictionary** given)
    {
        AVDictionary* own = null;
        var options = given is null ? &own : given;
        try
        {
            foreach (var (key, value) in TlsSettings.Of(url))
            {
                _ = av_dict_set(options, key, value, 0);
            }

            Keep("protocol_whitelist", context->protocol_whitelist);
            Keep("protocol_blacklist", context->protocol_blacklist);
            var interrupt = context->interrupt_callback;
            return avio_open2(io, url, flags, &interrupt, options);
        }
        catch (Exception error) when (error is ArgumentException or OutOfMemoryException)
        {
            return AVERROR(EINVAL);
        }
        finally
        {
            av_dict_free(&own);
        }

        void Keep(string name, byte* value)
        {
            if (value is not null)
            {
                _ = av_dict_set(options, name, System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)value), 0);
            }
        }
    }
}
