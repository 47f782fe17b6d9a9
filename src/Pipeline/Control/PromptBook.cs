using StreamDiff.Models.Text;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>Makes embeddings of prompts beside a running stream, one after the other, on a thread that the stream does not wait for.</summary>
internal sealed class PromptBook : IDisposable
{
    private readonly Func<TextEncoder> _load;
    private readonly bool _keepsEncoder;
    private readonly Device _device;
    private readonly StreamNotes? _notes;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (Tensor Embeddings, int Wanted)> _ready = new(StringComparer.Ordinal);
    private Task _last = Task.CompletedTask;
    private int _queued;
    private TextEncoder? _encoder;
    private volatile bool _isDisposed;

    /// <param name="load">Loads the text encoder.</param>
    /// <param name="keepsEncoder">False lets it go when nothing is left to encode: it may be larger than everything else.</param>
    /// <param name="device">Where the embeddings are wanted.</param>
    /// <param name="notes">Told of each prompt and change; null for nobody.</param>
    public PromptBook(Func<TextEncoder> load, bool keepsEncoder, Device device, StreamNotes? notes) => (_load, _keepsEncoder, _device, _notes) = (load, keepsEncoder, device, notes);

    /// <summary>Prepares a change: a prompt is encoded, nothing else takes time.</summary>
    public Task Prepare(ControlChange change)
    {
        _notes?.Changed(change);
        return change is PromptChange prompt ? Prepare(prompt.Text) : Task.CompletedTask;
    }

    /// <summary>Begins to encode; each call entitles to one <see cref="Take"/>.</summary>
    public Task Prepare(string prompt)
    {
        lock (_gate)
        {
            _queued++;
            return _last = _last.ContinueWith(_ => Encode(prompt), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
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
        _isDisposed = true;
        Task last;
        lock (_gate)
            last = _last;
        // Who asked for it is told whether it failed.
        last.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Wait();
        _encoder?.Dispose();
        foreach (var (embeddings, _) in _ready.Values)
            embeddings.Dispose();
        _ready.Clear();
    }

    private void Encode(string prompt)
    {
        try
        {
            if (_isDisposed)
                throw new ControlException("the stream has ended");
            if (!IsKnown(prompt))
                EncodeNew(prompt);
        }
        finally
        {
            lock (_gate)
                _queued--;
            if (!_keepsEncoder && Volatile.Read(ref _queued) == 0)
            {
                _encoder?.Dispose();
                _encoder = null;
            }
        }
    }

    private bool IsKnown(string prompt)
    {
        lock (_gate)
        {
            if (!_ready.TryGetValue(prompt, out var known))
                return false;
            _ready[prompt] = (known.Embeddings, known.Wanted + 1);
            return true;
        }
    }

    private void EncodeNew(string prompt)
    {
        // Both are bound to the thread.
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        _encoder ??= _load();
        var (made, reading) = _encoder.Read(prompt);
        var embeddings = made.to(_device).DetachFromDisposeScope();
        lock (_gate)
            _ready[prompt] = (embeddings, 1);
        _notes?.Read(reading);
    }
}
