using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Writes one file: pictures encoded, sound copied where the container holds it, else encoded again.</summary>
internal sealed unsafe class FileSink : IFrameSink
{
    private readonly OutputFile _file;
    private readonly FrameEncoder _frames;
    private readonly SoundTrack? _sound;
    private readonly List<string> _warnings = [];
    private bool _isFinished;
    private bool _isBroken;

    private FileSink(OutputFile file, FrameEncoder frames, SoundTrack? sound)
    {
        _file = file;
        _frames = frames;
        _sound = sound;
    }

    public IReadOnlyList<string> Warnings => _warnings;

    /// <exception cref="MediaException">The output cannot be written, or container and codec do not go together.</exception>
    public static FileSink Create(FileSinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        var file = new OutputFile(Recording.For(options.Output, beside: true), CancellationToken.None);
        FrameEncoder? frames = null;
        SoundTrack? sound = null;
        try
        {
            frames = new FrameEncoder(file, options, video);
            sound = audio is null ? null : CreateSound(file, audio, options.AudioBitRate);
            file.WriteHeader();
            var sink = new FileSink(file, frames, sound);
            sink.NoteDifferences(options, video, audio);
            return sink;
        }
        catch
        {
            sound?.Dispose();
            frames?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <exception cref="MediaException">Container, encoder and its settings do not go together.</exception>
    public static void Check(FileSinkOptions options)
    {
        var codec = EncoderChoice.ForFrames(options, ContainerSupport.ForFile(options.Output));
        _ = EncoderChoice.PixelFormat(codec, options.PixelFormat, options.HasAlpha);
        _ = EncoderTuning.Options(codec, options);
    }

    public void Write(VideoFrame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ObjectDisposedException.ThrowIf(_isFinished, this);
        try
        {
            _frames.Write(frame);
        }
        catch (MediaException)
        {
            _isBroken = true;
            throw;
        }
    }

    public void Write(AudioPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        ObjectDisposedException.ThrowIf(_isFinished, this);
        try
        {
            _sound?.Write(packet);
        }
        catch (MediaException)
        {
            _isBroken = true;
            throw;
        }
    }

    public void Complete()
    {
        if (!_isFinished)
        {
            Finish();
        }
    }

    public void Dispose()
    {
        try
        {
            Complete();
        }
        catch (MediaException)
        {
            // On the way out of an interrupted or failed run there is nobody left to tell.
        }

        _sound?.Dispose();
        _frames.Dispose();
        _file.Dispose();
    }

    private static SoundTrack? CreateSound(OutputFile file, AudioStreamInfo audio, int bitRate)
    {
        if (ContainerSupport.CanHold(file.Format, audio.Parameters))
        {
            return new CopiedSound(file, audio);
        }

        var encoder = EncoderChoice.ForSound(file.Format);
        return encoder is null ? null : new TranscodedSound(file, audio, encoder, bitRate);
    }

    private void NoteDifferences(FileSinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        if (_frames.Size != (video.Width, video.Height))
        {
            _warnings.Add(
                $"'{options.Output}' is {_frames.Size.Width}x{_frames.Size.Height}: its pixel format needs even sides, so the odd "
                    + $"last column or row of {video.Width}x{video.Height} is left out.");
        }

        if (audio is not null && _sound is null)
        {
            _warnings.Add($"'{options.Output}' has no sound: {ContainerSupport.NameOf(_file.Format)} cannot hold any.");
        }
    }

    private void Finish()
    {
        _isFinished = true;
        // After a failed write the encoders' state is unknown; what reached the container can still be closed.
        if (!_isBroken)
        {
            _frames.Finish();
            _sound?.Finish();
        }

        _file.Finish();
        if (_file.Rest()?.Run() is { } note)
        {
            _warnings.Add(note);
        }
    }
}
