using StreamDiff.Models.Text;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>What the text encoder made of a prompt.</summary>
/// <param name="Embeddings">float32 [1, tokens, dim] in host memory.</param>
/// <param name="Reading">What the model takes it for.</param>
internal readonly record struct ReadPrompt(Tensor Embeddings, PromptReading Reading);

/// <summary>
/// The text encoder of a model, one for all of its streams, and what it made of the prompts that were asked for last: the encoder may be
/// larger than everything else. It reads one prompt at a time, on a thread that no stream waits for, and none that is still known. It is
/// loaded when there is something to read, and let go when nothing is left and nobody holds it. All members may be used from any thread.
/// </summary>
/// <param name="load">Loads the text encoder.</param>
internal sealed class PromptReader(Func<TextEncoder> load) : IDisposable
{
    /// <summary>Prompts that are known at most: 8 MB each with the largest models.</summary>
    public const int MostKnown = 32;

    private readonly Lock _gate = new();
    // The one asked for last is the last.
    private readonly List<ReadPrompt> _known = [];
    private Task _last = Task.CompletedTask;
    private int _queued;
    private int _holders;
    private TextEncoder? _encoder;
    private bool _isDisposed;

    /// <summary>Called before a prompt is encoded, on the thread that does it: where a test looks on, or makes it slow.</summary>
    internal Action<string>? Reading { get; set; }

    /// <summary>How often the text encoder was loaded.</summary>
    internal int Loads { get; private set; }

    /// <summary>True while the text encoder is in memory.</summary>
    internal bool IsLoaded
    {
        get
        {
            lock (_gate)
                return _encoder is not null;
        }
    }

    /// <summary>Prompts that are known.</summary>
    internal int Known
    {
        get
        {
            lock (_gate)
                return _known.Count;
        }
    }

    /// <summary>Keeps the text encoder, once it is loaded, until what is given back is disposed: for who may ask at any time.</summary>
    public IDisposable Hold()
    {
        lock (_gate)
            _holders++;
        return new Held(this);
    }

    /// <summary>Reads a prompt, or remembers it; then the task is done at once.</summary>
    /// <param name="prompt">As the user wrote it.</param>
    /// <param name="isWanted">Asked when its turn has come: false where nobody waits for it any more.</param>
    /// <returns>What was made of it; the embeddings are the caller's. Fails where the text encoder cannot be loaded.</returns>
    public Task<ReadPrompt> Read(string prompt, Func<bool> isWanted)
    {
        lock (_gate)
        {
            if (_isDisposed)
                return Task.FromException<ReadPrompt>(new ControlException("the model is not there any more"));
            if (Remember(prompt) is { } known)
                return Task.FromResult(known);
            _queued++;
            var reading = _last.ContinueWith(
                _ => ReadNext(prompt, isWanted), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            _last = reading;
            return reading;
        }
    }

    /// <summary>Waits for what is being read.</summary>
    public void Dispose()
    {
        Task last;
        lock (_gate)
            (_isDisposed, last) = (true, _last);
        // Who asked for it is told whether it failed.
        last.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Wait();
        lock (_gate)
        {
            _encoder?.Dispose();
            _encoder = null;
            foreach (var known in _known)
                known.Embeddings.Dispose();
            _known.Clear();
        }
    }

    private ReadPrompt ReadNext(string prompt, Func<bool> isWanted)
    {
        try
        {
            lock (_gate)
            {
                // Somebody may have asked for the same while this waited.
                if (Remember(prompt) is { } known)
                    return known;
                if (_isDisposed || !isWanted())
                    throw new ControlException("the stream has ended");
            }
            return Encode(prompt);
        }
        finally
        {
            lock (_gate)
            {
                _queued--;
                LetGo();
            }
        }
    }

    private ReadPrompt Encode(string prompt)
    {
        // Both are bound to the thread.
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        Reading?.Invoke(prompt);
        if (_encoder is null)
        {
            var loaded = load();
            lock (_gate)
                (_encoder, Loads) = (loaded, Loads + 1);
        }
        var (embeddings, reading) = _encoder.Read(prompt);
        var known = new ReadPrompt(embeddings.cpu().DetachFromDisposeScope(), reading);
        lock (_gate)
        {
            _known.Add(known);
            if (_known.Count > MostKnown)
            {
                _known[0].Embeddings.Dispose();
                _known.RemoveAt(0);
            }
            return Share(known);
        }
    }

    private ReadPrompt? Remember(string prompt)
    {
        var at = _known.FindIndex(k => k.Reading.Prompt == prompt);
        if (at < 0)
            return null;
        var known = _known[at];
        _known.RemoveAt(at);
        _known.Add(known);
        return Share(known);
    }

    // The same memory: it stays as long as somebody has it.
    private static ReadPrompt Share(ReadPrompt known) => known with { Embeddings = known.Embeddings.alias().DetachFromDisposeScope() };

    private void LetGo()
    {
        if (_holders > 0 || _queued > 0)
            return;
        _encoder?.Dispose();
        _encoder = null;
    }

    private sealed class Held(PromptReader reader) : IDisposable
    {
        private bool _isOver;

        public void Dispose()
        {
            lock (reader._gate)
            {
                if (_isOver)
                    return;
                _isOver = true;
                reader._holders--;
                reader.LetGo();
            }
        }
    }
}
