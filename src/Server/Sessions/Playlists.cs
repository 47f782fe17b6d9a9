using System.Net;
using Microsoft.AspNetCore.Http;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Problems;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// Playlists of sessions for players of HLS: one begins to be filled when somebody asks for it, and ends, with its encoder where nobody
/// else needs that, when nobody has asked for a while. All members may be used from any thread.
/// </summary>
internal sealed class Playlists : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly StudioSessions _sessions;
    private readonly TimeProvider _time;
    private readonly TimeSpan _idle;
    private readonly int _mostWaiting;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Played> _played = new(StringComparer.Ordinal);
    private readonly ITimer _timer;

    /// <param name="sessions">The sessions.</param>
    /// <param name="time">The time.</param>
    /// <param name="idle">One that nobody has asked for so long ends.</param>
    /// <param name="mostWaiting">Requests that may wait for one session, half of them from one address.</param>
    public Playlists(StudioSessions sessions, TimeProvider time, TimeSpan idle, int mostWaiting)
    {
        (_sessions, _time, _idle, _mostWaiting) = (sessions, time, idle, mostWaiting);
        _timer = time.CreateTimer(_ => Look(), null, LookEvery, LookEvery);
    }

    /// <summary>Asks for a session's playlist, which is begun where it is not there, until the answer is disposed.</summary>
    /// <param name="session">Its name.</param>
    /// <param name="address">Who asks.</param>
    /// <exception cref="RefusedException">
    /// The session does not run, or too many wait for it, of that address or in all: whoever waits may do so for seconds.
    /// </exception>
    public Asking Ask(string session, IPAddress address)
    {
        lock (_gate)
        {
            var run = _sessions.Find(session);
            // Players get the last words of a session that has ended, or is about to.
            if (!_played.TryGetValue(session, out var known)
                || (run is not null && (known.Run != run || (known.IsOver && !run.Outputs.IsOver))))
            {
                known?.End();
                known = Begin(run ?? _sessions.Running(session).Run);
                _played[session] = known;
            }
            if (known.Waiting.Count >= _mostWaiting)
                throw Full($"{_mostWaiting} requests wait for session {session}");
            // So that those of others are not kept out by it alone.
            var share = Math.Max(1, _mostWaiting / 2);
            if (known.Waiting.Count(address.Equals) >= share)
                throw Full($"{share} requests from {address} wait for session {session}");
            known.Waiting.Add(address);
            return new Asking(known, () => Leave(known, address));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync().ConfigureAwait(false);
        lock (_gate)
        {
            foreach (var played in _played.Values)
                played.End();
            _played.Clear();
        }
    }

    private Played Begin(ServedRun run)
    {
        var playlist = new LivePlaylist(new PlaylistTimes(run.Outputs.Format.FrameRate), _time);
        try
        {
            return new Played(run, playlist, run.Outputs.Add(playlist)) { AskedAt = _time.GetTimestamp() };
        }
        catch (MediaException e)
        {
            throw new RefusedException(StatusCodes.Status409Conflict, e.Message);
        }
    }

    private static RefusedException Full(string why) => new(StatusCodes.Status503ServiceUnavailable, why);

    private void Leave(Played played, IPAddress address)
    {
        lock (_gate)
        {
            _ = played.Waiting.Remove(address);
            played.AskedAt = _time.GetTimestamp();
        }
    }

    private void Look()
    {
        lock (_gate)
            foreach (var (name, played) in _played.ToList())
                if (played.Waiting.Count == 0 && _time.GetElapsedTime(played.AskedAt) > _idle)
                {
                    _played.Remove(name);
                    played.End();
                }
    }

    /// <summary>A playlist that is filled.</summary>
    internal sealed class Played(ServedRun run, LivePlaylist playlist, AddedOutput output)
    {
        public ServedRun Run => run;

        public LivePlaylist Playlist => playlist;

        /// <summary>Why nothing comes; null where that is not known.</summary>
        public string? Obstacle => output.Status.Obstacle;

        public bool IsOver => playlist.IsEnded;

        /// <summary>Who waits, an entry for each request.</summary>
        public List<IPAddress> Waiting { get; } = [];

        public long AskedAt { get; set; }

        // Closing waits for what the encoder still holds.
        public void End() => _ = Task.Run(output.Dispose);
    }

    /// <summary>A request for what is in a playlist, which lives as long as somebody asks.</summary>
    internal sealed class Asking(Played played, Action leave) : IDisposable
    {
        public LivePlaylist Playlist => played.Playlist;

        /// <inheritdoc cref="Played.Obstacle"/>
        public string? Obstacle => played.Obstacle;

        public void Dispose() => leave();
    }
}
