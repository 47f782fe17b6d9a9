using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>libavdevice, which only cameras and screens need and which brings many libraries along.</summary>
internal static class DeviceLibrary
{
    /// <summary>Makes devices known to libavformat; cheap to call again.</summary>
    /// <exception cref="MediaException">The library is missing.</exception>
    public static void Initialize()
    {
        try
        {
            avdevice_register_all();
        }
        catch (Exception error) when (error is DllNotFoundException or NotSupportedException)
        {
            throw new MediaException($"{error.Message} Cameras and screens need libavdevice.", error);
        }
    }
}
