using StreamDiff.Models.KvCache;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// The ticks of all streams of one runner: makes a tick of rows, remembers what it is for, and carries its result on to the chunks' next
/// steps. Where the runner loses the caches, it begins anew and all streams are rebuilt: their callers notice a pause, and that nothing is
/// in flight. Not thread-safe.
/// </summary>
/// <param name="runner">Stays the caller's.</param>
public sealed class TickQueue(ITickRunner runner) : IDisposable
{
    private const int MostAttempts = 5;

    private readonly Queue<Issued> _issued = new();
    private readonly List<LaneStream> _streams = [];
    private int _attempts;

    public ITickRunner Runner => runner;

    /// <summary>Ticks issued and not collected.</summary>
    public int InFlight => _issued.Count;

    /// <summary>True while another tick may be issued.</summary>
    public bool HasRoom => _issued.Count < runner.MostInFlight;

    /// <summary>How often the caches were lost and all streams rebuilt.</summary>
    public int Recoveries { get; private set; }

    /// <summary>Told that streams were rebuilt: why, how many chunks were fed again, and how long it took.</summary>
    public Action<string, int, TimeSpan>? Recovered { get; set; }

    /// <summary>
    /// Begins a tick; waits for the device no more than the network itself does. Where streams were rebuilt instead, nothing is in flight,
    /// and the rows are to be asked for again.
    /// </summary>
    /// <param name="rows">Rows that are ready, of equal frame counts and strengths of LoRAs, all of streams of one pool; in any
    /// order.</param>
    /// <exception cref="InvalidOperationException">A row cannot run now, the rows do not go together, or there is no room for another
    /// tick.</exception>
    /// <exception cref="ModelException">The rows cannot run, and no lane has moved; or what was lost cannot be rebuilt, and nothing is in
    /// flight (<see cref="Recoveries"/> has grown).</exception>
    public void Issue(IReadOnlyList<(LaneStream Stream, ReadyRow Row)> rows)
    {
        if (rows.Count == 0 || rows.Any(r => r.Stream.Pool != rows[0].Stream.Pool || r.Row.Frames != rows[0].Row.Frames)
            || rows.Distinct().Count() != rows.Count)
            throw new InvalidOperationException(
                "the rows of a tick are different ones, have the same number of latent frames and share a pool");
        if (rows.Any(r => !Equals(r.Stream.LorasOf(r.Row), rows[0].Stream.LorasOf(rows[0].Row))))
            throw new InvalidOperationException("the rows of a tick share the strengths of their LoRAs: there is one copy of the weights");
        if (!HasRoom)
            throw new InvalidOperationException("as many ticks as may be are in flight");
        if (runner.WantsRecovery)
            Recover("more can take part");
        else
            Guarded(() => IssueNow(rows));
    }

    /// <summary>Takes the oldest tick's result: its chunks are a step further.</summary>
    /// <param name="wait">False takes only what is there.</param>
    /// <returns>False when nothing was taken: none is in flight, or none is done.</returns>
    public bool Collect(bool wait)
    {
        var taken = false;
        if (_issued.Count > 0)
            Guarded(() => taken = CollectNow(wait));
        // What streams are rebuilt from does not count: what is lost each time after it would be tried for ever.
        if (taken)
            _attempts = 0;
        return taken;
    }

    /// <summary>
    /// Takes what is in flight, so that nothing of it is left to whoever uses the runner next. The runner and the streams stay their
    /// owners'.
    /// </summary>
    public void Dispose()
    {
        try
        {
            for (var left = _issued.Count; left > 0; left--)
                runner.Collect(wait: true)?.Dispose();
        }
        catch (Exception e) when (e is TicksLostException or ModelException)
        {
            // Then there is nothing left of it.
        }
        Drop();
    }

    internal void Add(LaneStream stream) => _streams.Add(stream);

    internal void Remove(LaneStream stream) => _streams.Remove(stream);

    /// <summary>Does what may find the caches lost; they are rebuilt then, and it is not done again.</summary>
    internal void Guarded(Action work)
    {
        try
        {
            work();
        }
        catch (TicksLostException e)
        {
            Recover(e.Message);
        }
    }

    private void IssueNow(IReadOnlyList<(LaneStream Stream, ReadyRow Row)> rows)
    {
        using var scope = NewDisposeScope();
        var begun = new List<LaneWork>(rows.Count);
        try
        {
            // Oldest first: a chunk that joins lanes copies them before another one writes them.
            foreach (var (stream, row) in rows)
                begun.Add(stream.Begin(row));
            // Neighbouring lanes attend in one call.
            LaneWork[] work = [.. begun.OrderBy(w => w.Row.Lane)];
            // Drawn first: on a device the upload would otherwise wait for the network.
            var noise = Array.ConvertAll(work, w => w.Stream.NoiseAfter(w));
            runner.Issue(new TickWork
            {
                Pool = work[0].Stream.Pool,
                Rows = Array.ConvertAll(work, w => w.Row),
                Steps = Array.ConvertAll(work, w => w.Step),
                Chunks = Array.ConvertAll(work, w => w.Chunk.Number),
                Timesteps = Array.ConvertAll(work, w => w.Chunk.Settings.Timesteps[w.Step]),
                Prompts = Array.ConvertAll(work, w => w.Chunk.Settings.Prompt),
                Loras = work[0].Chunk.Settings.Loras,
                Latents = work.Length == 1 ? work[0].Chunk.Latents : cat(Array.ConvertAll(work, w => w.Chunk.Latents)),
            });
            _issued.Enqueue(new Issued(work, Array.ConvertAll(noise, n => n?.DetachFromDisposeScope())));
        }
        catch (Exception e) when (e is not TicksLostException)
        {
            foreach (var work in begun)
                work.Stream.Withdraw(work);
            throw;
        }
    }

    private bool CollectNow(bool wait)
    {
        using var scope = NewDisposeScope();
        using var clean = runner.Collect(wait);
        if (clean is null)
            return false;
        using var issued = _issued.Dequeue();
        for (var row = 0; row < issued.Work.Length; row++)
            issued.Work[row].Stream.Complete(issued.Work[row], clean.narrow(0, row, 1), issued.Noise[row]);
        return true;
    }

    private void Recover(string reason)
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            Drop();
            try
            {
                if (++_attempts > MostAttempts)
                    throw new ModelException($"given up after {MostAttempts} attempts: {reason}");
                runner.Recover();
                Rebuild(withContext: true);
                ReplayContext();
                Native.NativeHeap.Trim();
                Recovered?.Invoke(reason, _streams.Sum(s => s.InFlight), System.Diagnostics.Stopwatch.GetElapsedTime(started));
                return;
            }
            catch (TicksLostException e)
            {
                reason = e.Message;
            }
            catch
            {
                // Whoever goes on after this has nothing in flight, and as many attempts as the one that it was too much for.
                Drop();
                Rebuild(withContext: false);
                _attempts = 0;
                throw;
            }
        }
    }

    private void Rebuild(bool withContext)
    {
        Recoveries++;
        foreach (var stream in _streams)
            stream.Rebuild(withContext);
    }

    // What the streams have seen, before anything else: their callers know only of chunks that are under way.
    private void ReplayContext()
    {
        while (true)
        {
            var rows = _streams.Select(s => (Stream: s, Row: s.ReadyContext)).Where(r => r.Row is not null)
                .Select(r => (r.Stream, r.Row!.Value)).ToList();
            if (rows.Count == 0)
                return;
            foreach (var row in rows)
            {
                while (!HasRoom)
                    CollectNow(wait: true);
                IssueNow([row]);
            }
            while (_issued.Count > 0)
                CollectNow(wait: true);
        }
    }

    private void Drop()
    {
        foreach (var issued in _issued)
            issued.Dispose();
        _issued.Clear();
    }

    /// <param name="Work">Its rows.</param>
    /// <param name="Noise">What prepares each row's next step; null after its last.</param>
    private sealed record Issued(LaneWork[] Work, Tensor?[] Noise) : IDisposable
    {
        public void Dispose()
        {
            foreach (var noise in Noise)
                noise?.Dispose();
        }
    }
}
