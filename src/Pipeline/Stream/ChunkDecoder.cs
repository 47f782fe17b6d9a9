using StreamDiff.Models.Vae;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Latents of one stream to frames that carry the timing of those that went in, with black bars where those had bars.</summary>
public sealed class ChunkDecoder(IVae vae, FramePool pool) : IDisposable
{
    private readonly IVaeDecoder _decoder = vae.OpenDecoder();
    private byte[]? _last;
    private PixelRect? _lastContent;
    private (int Width, int Height) _size;

    /// <summary>Told of each chunk and its finished frames, which stay the decoder's caller's.</summary>
    internal Action<LatentChunk, IReadOnlyList<VideoFrame>>? Decoded { get; set; }

    /// <summary>True remembers the last frame, so that it can be held.</summary>
    internal bool CanHold { get; init; }

    /// <summary>Frames are brought to this size last; null leaves them as they are.</summary>
    internal (int Width, int Height)? Size { get; init; }

    /// <summary>The chunk's real frames; the caller owns them and still owns the latents.</summary>
    public IReadOnlyList<VideoFrame> Decode(LatentChunk chunk)
    {
        var frames = chunk.IsHeld ? Hold(chunk) : DecodeNew(chunk);
        for (var i = 0; i < frames.Length; i++)
        {
            // A frame that is held keeps its bars, also where the source has another shape by now.
            (chunk.IsHeld ? chunk.Timing[i] with { Content = _lastContent } : chunk.Timing[i]).Mark(frames[i]);
            if (!chunk.IsHeld)
                frames[i].BlackenBars();
        }
        if (CanHold && !chunk.IsHeld)
            Remember(frames[^1]);
        Decoded?.Invoke(chunk, frames);
        return frames;
    }

    public void Dispose() => _decoder.Dispose();

    private VideoFrame[] DecodeNew(LatentChunk chunk)
    {
        // The transformer may be elsewhere.
        using var latents = chunk.Latents.to(vae.Device);
        using var pixels = _decoder.Decode(latents);
        using var sized = FrameTensors.Resized(pixels, Size);
        var frames = FrameTensors.ToFrames(sized ?? pixels, chunk.Timing.Count, pool);
        _size = (frames[0].Width, frames[0].Height);
        return frames;
    }

    private void Remember(VideoFrame frame)
    {
        // Kept from chunk to chunk: an array of this size is collected with everything else.
        if (_last?.Length != frame.ByteCount)
            _last = new byte[frame.ByteCount];
        frame.Pixels.CopyTo(_last);
        _lastContent = frame.Content;
    }

    private VideoFrame[] Hold(LatentChunk chunk)
    {
        var last = _last ?? throw new InvalidOperationException("there is no picture to hold yet");
        var frames = new VideoFrame[chunk.Timing.Count];
        for (var i = 0; i < frames.Length; i++)
        {
            frames[i] = VideoFrame.Rent(pool, _size.Width, _size.Height);
            last.CopyTo(frames[i].Pixels);
        }
        return frames;
    }
}
