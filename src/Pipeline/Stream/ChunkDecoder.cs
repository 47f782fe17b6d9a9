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

    /// <summary>True for frames with transparency, which layers take away.</summary>
    internal bool HasAlpha { get; init; }

    /// <summary>Frames are brought to this size last; null leaves them as they are.</summary>
    internal (int Width, int Height)? Size { get; init; }

    /// <summary>The chunk's real frames; the caller owns them and still owns the latents.</summary>
    public IReadOnlyList<VideoFrame> Decode(LatentChunk chunk)
    {
        var frames = new List<VideoFrame>(chunk.Timing.Count);
        Decode(chunk, frames.Add);
        return frames;
    }

    /// <summary>The same, each frame as soon as it is there.</summary>
    /// <param name="chunk">Stays the caller's.</param>
    /// <param name="ready">Takes each frame over.</param>
    public void Decode(LatentChunk chunk, Action<VideoFrame> ready)
    {
        // Who is told of a whole chunk sees its frames before others have done with them.
        var all = Decoded is null ? null : new List<VideoFrame>(chunk.Timing.Count);
        var give = all is null ? ready : all.Add;
        if (chunk.IsHeld)
            Hold(chunk, give);
        else
            DecodeNew(chunk, give);
        if (all is null)
            return;
        Decoded!(chunk, all);
        all.ForEach(ready);
    }

    public void Dispose() => _decoder.Dispose();

    private void DecodeNew(LatentChunk chunk, Action<VideoFrame> ready)
    {
        // The transformer may be elsewhere.
        using var latents = chunk.Latents.to(vae.Device);
        var next = 0;
        _decoder.DecodeInParts(latents, pixels =>
        {
            var count = Math.Min((int)pixels.size(1), chunk.Timing.Count - next);
            // A last chunk is filled up.
            if (count <= 0)
                return;
            using var sized = FrameTensors.Resized(pixels, Size);
            foreach (var frame in FrameTensors.ToFrames(sized ?? pixels, count, pool, HasAlpha))
            {
                _size = (frame.Width, frame.Height);
                frame.Alpha.Fill(byte.MaxValue);
                if (chunk is { Layers: { } layers, Inputs: { } inputs } && inputs[next].Length == frame.ByteCount)
                    layers.Apply(frame.Pixels, inputs[next], frame.Width, frame.Height, frame.Alpha, next, chunk.Timing.Count);
                chunk.Timing[next++].Mark(frame);
                frame.BlackenBars();
                if (CanHold && next == chunk.Timing.Count)
                    Remember(frame);
                ready(frame);
            }
        });
    }

    private void Remember(VideoFrame frame)
    {
        // Kept from chunk to chunk: an array of this size is collected with everything else.
        if (_last?.Length != frame.ByteCount + frame.Alpha.Length)
            _last = new byte[frame.ByteCount + frame.Alpha.Length];
        frame.Pixels.CopyTo(_last);
        frame.Alpha.CopyTo(_last.AsSpan(frame.ByteCount));
        _lastContent = frame.Content;
    }

    private void Hold(LatentChunk chunk, Action<VideoFrame> ready)
    {
        var last = _last ?? throw new InvalidOperationException("there is no picture to hold yet");
        foreach (var timing in chunk.Timing)
        {
            var frame = VideoFrame.Rent(pool, _size.Width, _size.Height, HasAlpha);
            last.AsSpan(0, frame.ByteCount).CopyTo(frame.Pixels);
            last.AsSpan(frame.ByteCount).CopyTo(frame.Alpha);
            // A frame that is held keeps its bars, also where the source has another shape by now.
            (timing with { Content = _lastContent }).Mark(frame);
            ready(frame);
        }
    }
}
