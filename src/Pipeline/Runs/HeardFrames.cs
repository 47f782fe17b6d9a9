using StreamDiff.Pipeline.Control.Signals;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// Frames of a file that wait until the sound beside them has been heard, for files hold it before or behind them; with no one who wants
/// the sound they wait for nothing. For one thread.
/// </summary>
/// <param name="source">Where both come from; stays the caller's.</param>
/// <param name="signals">Who hears it.</param>
internal sealed class HeardFrames(IFrameSource source, SoundSignals signals) : IDisposable
{
    // Sound that lies further away than this is not waited for.
    private const int MostWaiting = 60;

    private readonly Queue<VideoFrame> _waiting = new();
    private SoundReader? _reader;
    private TimeSpan _until = TimeSpan.MinValue;

    /// <summary>Takes a frame over.</summary>
    public void Add(VideoFrame frame) => _waiting.Enqueue(frame);

    /// <summary>Hears a packet, which stays the caller's.</summary>
    public void Hear(AudioPacket packet)
    {
        if (!signals.IsWanted || (packet.Track ?? source.Audio) is not { } track)
            return;
        _reader ??= new SoundReader(track);
        foreach (var block in _reader.Read(packet))
        {
            var time = TimeSpan.FromSeconds((double)block.Position / SoundBlock.Rate);
            signals.Add(block, time);
            _until = time + TimeSpan.FromSeconds((double)block.Count / SoundBlock.Rate);
        }
    }

    /// <summary>Frames that wait no longer; the caller's.</summary>
    public IEnumerable<VideoFrame> Ready()
    {
        while (_waiting.TryPeek(out var frame)
            && (!signals.IsWanted || source.Audio is null || _waiting.Count > MostWaiting || End(frame) <= _until))
            yield return _waiting.Dequeue();
    }

    /// <summary>Those that are left at the end; the caller's.</summary>
    public IEnumerable<VideoFrame> Rest()
    {
        while (_waiting.TryDequeue(out var frame))
            yield return frame;
    }

    public void Dispose()
    {
        _reader?.Dispose();
        while (_waiting.TryDequeue(out var frame))
            frame.Dispose();
    }

    private TimeSpan End(VideoFrame frame) => source.Video.TimeBase.ToTime(frame.Pts + frame.Duration);
}
