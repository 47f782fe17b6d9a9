namespace StreamDiff.Transport.Media.Stills;

/// <summary>An output of one frame: a PNG or JPEG file, written when the input has ended. Sound has no place in it.</summary>
internal sealed class StillSink : IFrameSink
{
    private readonly string _path;
    private readonly List<string> _warnings = [];
    private (byte[] Pixels, byte[] Alpha, int Width, int Height)? _frame;

    /// <exception cref="MediaException">More than one frame is to come, or a video encoder is asked for.</exception>
    public StillSink(FileSinkOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        Check(options);
        _path = options.Output;
        if (video.FrameCountEstimate > 1)
        {
            throw TooMany();
        }

        if (audio is not null)
        {
            _warnings.Add($"'{_path}' has no sound: a still cannot hold any.");
        }
    }

    public IReadOnlyList<string> Warnings => _warnings;

    /// <exception cref="MediaException">A video encoder is asked for, or transparency that it cannot hold.</exception>
    public static void Check(FileSinkOptions options)
    {
        if (options.VideoCodec != "auto")
        {
            throw new MediaException(
                $"Output '{options.Output}' is a still, which has no video codec: leave codec {options.VideoCodec} out, or name a video "
                    + $"such as {Video(options.Output)}.");
        }

        if (options.HasAlpha && !Path.GetExtension(options.Output).Equals(".png", StringComparison.OrdinalIgnoreCase))
        {
            throw new MediaException($"Output '{options.Output}': JPEG cannot hold transparency; use a .png still.");
        }
    }

    public void Write(VideoFrame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (_frame is not null)
        {
            _frame = null;
            throw TooMany();
        }

        _frame = (frame.Pixels.ToArray(), frame.Alpha.ToArray(), frame.Width, frame.Height);
    }

    public void Write(AudioPacket packet) => ArgumentNullException.ThrowIfNull(packet);

    public void Complete()
    {
        if (_frame is var (pixels, alpha, width, height))
        {
            _frame = null;
            StillWriter.Write(_path, pixels, width, height, alpha);
        }
    }

    // What did not come to its end leaves the file that was there.
    public void Dispose() => _frame = null;

    private static string Video(string path) => Path.ChangeExtension(Path.GetFileName(path), ".mp4");

    private MediaException TooMany() =>
        new(
            $"Output '{_path}' holds one frame, the input has more: name a video such as {Video(_path)}, or give a still (.png, .jpg) as "
                + "input.");
}
