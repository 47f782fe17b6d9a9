using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Cli.Serve;

/// <summary>
/// Begins sessions again that have failed and are to be restarted (<c>restart: true</c>): after a second, then after pauses that double up
/// to a minute; a session that ran for a minute begins anew with the shortest pause.
/// </summary>
/// <param name="log">Told all that the server tells, and of each restart.</param>
internal sealed class SessionRestarts(IServeLog log) : ISessionRestarts, IDisposable
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _end = new();
    private SessionServer? _server;

    /// <summary>Where sessions begin.</summary>
    public void Attach(SessionServer server) => _server = server;

    /// <summary>Remembers a session that is about to begin, if it is to be restarted.</summary>
    public void Know(SessionPlan plan)
    {
        lock (_gate)
            if (plan.Restarts)
                _entries[plan.Name] = new Entry(plan);
            else
                _entries.Remove(plan.Name);
    }

    /// <summary>A session is not to begin again. True where it was waiting for that.</summary>
    public bool Forget(string name)
    {
        lock (_gate)
            return _entries.Remove(name, out var entry) && entry.IsWaiting;
    }

    /// <summary>Passes news of the server on, and sees from them which session has failed.</summary>
    public void Tell(LiveEvent news)
    {
        log.Tell(news);
        if (news is not { Part: "run", State: "failed", Session: { } name })
            return;
        Entry? entry;
        TimeSpan pause;
        lock (_gate)
        {
            if (!_entries.TryGetValue(name, out entry))
                return;
            if (news.At - entry.Begun > Longest)
                entry.Pause = Shortest;
            pause = entry.Wait(news.At);
        }
        log.Say($"session {name} begins again in {pause.TotalSeconds:0} s");
        _ = Again(entry, pause);
    }

    public void Dispose() => _end.Cancel();

    // Until it has begun, somebody has taken its name, or the server ends: who took its room may leave again.
    private async Task Again(Entry entry, TimeSpan pause)
    {
        while (true)
        {
            try
            {
                await Task.Delay(pause, _end.Token).ConfigureAwait(false);
                if (!IsStill(entry, () => entry.IsWaiting = false))
                    return;
                await _server!.StartAsync(entry.Plan.Name, entry.Plan.Options, entry.Plan.Slo).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                // The server is ending.
                return;
            }
            catch (Exception e)
            {
                if (!IsStill(entry, () => pause = entry.Wait(entry.Begun)))
                    return;
                log.Say($"{Failure.Describe(e)}; session {entry.Plan.Name} is tried again in {pause.TotalSeconds:0} s", isError: true);
            }
        }
    }

    private bool IsStill(Entry entry, Action action)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(entry.Plan.Name, out var now) || now != entry)
                return false;
            action();
            return true;
        }
    }

    private sealed class Entry(SessionPlan plan)
    {
        public SessionPlan Plan => plan;

        /// <summary>Before the next beginning.</summary>
        public TimeSpan Pause { get; set; } = Shortest;

        /// <summary>When it began last, in the server's time.</summary>
        public TimeSpan Begun { get; set; }

        public bool IsWaiting { get; set; }

        /// <summary>It waits from a time on; how long it does, and twice as long the next time.</summary>
        public TimeSpan Wait(TimeSpan now)
        {
            var pause = Pause;
            (Pause, Begun, IsWaiting) = (TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, Longest.Ticks)), now + pause, true);
            return pause;
        }
    }
}
