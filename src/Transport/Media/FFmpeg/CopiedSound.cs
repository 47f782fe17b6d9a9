using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Sound that the container takes as it is.</summary>
internal sealed unsafe class CopiedSound : SoundTrack
{
    private AVPacket* _packet = av_packet_alloc();

    public CopiedSound(OutputFile file, AudioStreamInfo audio)
        : base(file) => Stream = file.AddStream(audio.Parameters, audio.TimeBase);

    public override void Write(AudioPacket packet)
    {
        // Without a time it has no place in the file; what an edit list cuts away, or what lies before the first picture, is not heard.
        if (packet.Pts == AV_NOPTS_VALUE || packet.IsTrimmed)
        {
            return;
        }

        packet.CopyTo(_packet);
        Store(_packet, packet.TimeBase.ToNative());
    }

    public override void Finish()
    {
    }

    public override void Dispose() => NativeObject.Free(ref _packet);
}
