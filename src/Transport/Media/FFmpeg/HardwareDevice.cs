using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Devices that decode pictures: NVIDIA's (CUDA) or one behind VA-API. What the libraries offer says nothing about what the machine has, so
/// each kind is tried once; where none works, or the stream's profile is beyond it, libavcodec decodes on the CPU.
/// </summary>
internal static unsafe class HardwareDevice
{
    /// <summary>Environment variable: <c>off</c> decodes on the CPU whatever there is.</summary>
    public const string Variable = "STREAMDIFF_HARDWARE_DECODE";

    // AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX of libavcodec/codec.h: the decoder needs the device and nothing else.
    private const int NeedsDeviceOnly = 1;

    private static readonly AVHWDeviceType[] Kinds = [AVHWDeviceType.AV_HWDEVICE_TYPE_CUDA, AVHWDeviceType.AV_HWDEVICE_TYPE_VAAPI];
    private static readonly HashSet<AVHWDeviceType> Missing = [];

    /// <summary>
    /// A new reference to a device that this decoder can use, which the caller hands on or frees; null where there is none.
    /// </summary>
    public static AVBufferRef* Open(AVCodec* codec)
    {
        if (Environment.GetEnvironmentVariable(Variable) == "off")
        {
            return null;
        }

        foreach (var kind in Kinds)
        {
            if (Supports(codec, kind) && Create(kind) is var device && device is not null)
            {
                return device;
            }
        }

        return null;
    }

    private static bool Supports(AVCodec* codec, AVHWDeviceType kind)
    {
        for (var i = 0; avcodec_get_hw_config(codec, i) is var config && config is not null; i++)
        {
            if (config->device_type == kind && (config->methods & NeedsDeviceOnly) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static AVBufferRef* Create(AVHWDeviceType kind)
    {
        lock (Missing)
        {
            if (Missing.Contains(kind))
            {
                return null;
            }

            AVBufferRef* device = null;
            if (av_hwdevice_ctx_create(&device, kind, null, null, 0) >= 0)
            {
                return device;
            }

            Missing.Add(kind);
            return null;
        }
    }
}
