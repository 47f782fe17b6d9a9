using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// The prompt of a stream from chunk to chunk, as text embeddings. A blend that is interrupted by another prompt goes on from where it was.
/// </summary>
internal sealed class PromptCourse : IDisposable
{
    private Tensor _now;
    private Tensor? _from;
    private Tensor? _to;
    private BlendKind _kind;
    private Easing _easing;
    private int _chunks;
    private int _done;

    /// <param name="first">float32 [1, tokens, dim]; taken over.</param>
    public PromptCourse(Tensor first) => _now = first.DetachFromDisposeScope();

    /// <summary>The embeddings of the chunk that <see cref="Next"/> was called for last; stay the course's.</summary>
    public Tensor Now => _now;

    /// <summary>True while a blend is under way.</summary>
    public bool IsBlending => _to is not null;

    /// <summary>From the next chunk on another prompt: chunk i of the blend follows it by i / chunks.</summary>
    /// <param name="to">Taken over.</param>
    /// <param name="chunks">Length of the blend; 1 for none.</param>
    /// <param name="kind">How.</param>
    /// <param name="easing">How its share grows. Default: evenly.</param>
    public void Change(Tensor to, int chunks, BlendKind kind, Easing easing = Easing.Linear)
    {
        Forget();
        _from = _now.alias().DetachFromDisposeScope();
        (_to, _chunks, _kind, _easing, _done) = (to.DetachFromDisposeScope(), chunks, kind, easing, 0);
    }

    /// <summary>A chunk begins. True when its prompt is not that of the chunk before.</summary>
    public bool Next()
    {
        if (_to is null)
            return false;
        _done++;
        var now = _done >= _chunks ? _to.alias() : PromptMix.Of(_from!, _to, Glide.Eased(_easing, (double)_done / _chunks), _kind);
        _now.Dispose();
        _now = now.DetachFromDisposeScope();
        if (_done >= _chunks)
            Forget();
        return true;
    }

    public void Dispose()
    {
        Forget();
        _now.Dispose();
    }

    private void Forget()
    {
        _from?.Dispose();
        _to?.Dispose();
        (_from, _to) = (null, null);
    }
}
