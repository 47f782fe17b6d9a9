using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>The prompts that one stream has asked for and not taken yet. The stream does not wait while they are read.</summary>
internal sealed class PromptBook : IDisposable
{
    private readonly PromptReader _reader;
    private readonly Device _device;
    private readonly StreamNotes? _notes;
    private readonly IDisposable? _hold;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (Tensor Embeddings, int Wanted)> _ready = new(StringComparer.Ordinal);
    private volatile bool _isDisposed;

    /// <param name="reader">The model's; must outlive the book.</param>
    /// <param name="isOpenEnded">True where prompts may be asked for at any time: the text encoder stays loaded for them.</param>
    /// <param name="device">Where the embeddings are wanted.</param>
    /// <param name="notes">Told of each prompt and change; null for nobody.</param>
    public PromptBook(PromptReader reader, bool isOpenEnded, Device device, StreamNotes? notes)
    {
        (_reader, _device, _notes) = (reader, device, notes);
        _hold = isOpenEnded ? reader.Hold() : null;
    }

    /// <summary>Prepares a change: a prompt is encoded, nothing else takes time.</summary>
    public Task Prepare(ControlChange change)
    {
        _notes?.Changed(change);
        return change is PromptChange prompt ? Prepare(prompt.Text) : Task.CompletedTask;
    }

    /// <summary>Begins to encode; each call entitles to one <see cref="Take"/>.</summary>
    public Task Prepare(string prompt)
    {
        var reading = _reader.Read(prompt, () => !_isDisposed);
        // Not on the caller's thread, which may be the stream's: bringing the embeddings to a device waits for what the device does.
        return Task.Run(async () => Keep(prompt, await reading.ConfigureAwait(false)));
    }

    /// <summary>The embeddings of a prepared prompt, float32 [1, tokens, dim]; the caller's.</summary>
    public Tensor Take(string prompt)
    {
        lock (_gate)
        {
            var (embeddings, wanted) = _ready[prompt];
            if (wanted > 1)
                _ready[prompt] = (embeddings, wanted - 1);
            else
                _ready.Remove(prompt);
            return wanted > 1 ? embeddings.clone() : embeddings;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var (embeddings, _) in _ready.Values)
                embeddings.Dispose();
            _ready.Clear();
        }
        _hold?.Dispose();
    }

    private void Keep(string prompt, ReadPrompt read)
    {
        // Both are bound to the thread.
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var shared = read.Embeddings;
        lock (_gate)
        {
            if (_isDisposed)
                throw new ControlException("the stream has ended");
            _ready[prompt] = _ready.TryGetValue(prompt, out var known)
                ? (known.Embeddings, known.Wanted + 1)
                : (shared.to(_device, copy: true).DetachFromDisposeScope(), 1);
        }
        _notes?.Read(read.Reading);
    }
}
