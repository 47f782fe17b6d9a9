using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Host;

/// <summary>A session's encoder, as the chunk's form wants it.</summary>
internal sealed class FormEncoder : IDisposable
{
    private IChunkEncoder? _encoder;
    private StreamForm? _form;

    public void Prepare(VideoFrame picture, StreamForm form, bool isFirst) => As(form).Prepare(picture, isFirst);

    public LatentChunk Encode(FrameChunk chunk, StreamForm form) => As(form).Encode(chunk);

    public void Dispose() => _encoder?.Dispose();

    private IChunkEncoder As(StreamForm form)
    {
        if (form != _form)
        {
            _encoder?.Dispose();
            (_encoder, _form) = (form.OpenEncoder(), form);
        }
        return _encoder!;
    }
}

/// <summary>A session's decoder, as the chunk's form wants it; its frames are always of the session's size.</summary>
/// <param name="pool">For the frames.</param>
/// <param name="size">Of the session.</param>
/// <param name="hasAlpha">True for frames with transparency.</param>
/// <param name="decoded">Told of each chunk and its frames; null for nobody.</param>
internal sealed class FormDecoder(
    FramePool pool, (int Width, int Height) size, bool hasAlpha, Action<LatentChunk, IReadOnlyList<VideoFrame>>? decoded) : IDisposable
{
    private ChunkDecoder? _decoder;
    private StreamForm? _form;

    /// <param name="chunk">Stays the caller's.</param>
    /// <param name="form">As what it was computed.</param>
    /// <param name="ready">Takes each frame over, as soon as it is there.</param>
    public void Decode(LatentChunk chunk, StreamForm form, Action<VideoFrame> ready)
    {
        if (form != _form)
        {
            _decoder?.Dispose();
            (_decoder, _form) = (
                new ChunkDecoder(form.Vae.Decoder, pool)
                {
                    Size = size,
                    HasAlpha = hasAlpha,
                    CanHold = true,
                    Decoded = decoded,
                },
                form);
        }
        _decoder!.Decode(chunk, ready);
    }

    public void Dispose() => _decoder?.Dispose();
}
