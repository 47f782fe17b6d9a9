using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// Recordings that begin and end while a session runs; they stay when it is gone.
/// All members may be used from any thread.
/// </summary>
internal sealed class Recordings
{
    private const int MostAtOnce = 4;
    private static readonly string[] Containers = ["mkv", "mp4", "ts"];

    private readonly Lock _gate = new();
    private readonly List<Active> _active = [];
    private readonly StudioSessions _sessions;
    private readonly StudioFolder _folder;
    private readonly TimeProvider _time;

    /// <param name="sessions">The sessions.</param>
    /// <param name="folder">Where they are kept.</param>
    /// <param name="time">For their names.</param>
    public Recordings(StudioSessions sessions, StudioFolder folder, TimeProvider time)
    {
        (_sessions, _folder, _time) = (sessions, folder, time);
        sessions.Ended += EndedWith;
    }

    /// <summary>Begins one.</summary>
    /// <exception cref="RefusedException">The session does not run, or the container is none.</exception>
    public RecordingInfo Start(string session, string? container)
    {
        var kind = container ?? Containers[0];
        if (!Containers.Contains(kind))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"container must be {string.Join(" or ", Containers)}, not {kind}", "container"));
        var (_, run) = _sessions.Running(session);
        string id;
        lock (_gate)
        {
            if (_active.Count(a => a.Session == session) >= MostAtOnce)
                throw new RefusedException(StatusCodes.Status409Conflict, $"session {session} is recorded {MostAtOnce} times already");
            var place = _folder.Recordings(session);
            Directory.CreateDirectory(place);
            id = NewName(place, kind);
            Check(run.Outputs.Format with { Output = Path.Combine(place, id) });
            var active = new Active(session, id, run, run.Outputs.Add(Path.Combine(place, id)));
            _active.Add(active);
            _sessions.Events.Tell(EventKinds.RecordingStarted, session, $"recording to {id}");
        }
        // It may have ended before it was known to be recorded.
        if (run.IsOver)
            EndedWith(run);
        return Info(session, Path.Combine(_folder.Recordings(session), id));
    }

    // Not every container holds every codec, or transparency.
    private static void Check(LiveSinkOptions options)
    {
        try
        {
            LiveSinks.Check(options);
        }
        catch (MediaException e)
        {
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, new FieldProblem(e.Message, "container"));
        }
    }

    /// <summary>Ends one; the task is done when its file is complete.</summary>
    /// <exception cref="RefusedException">There is none of that name.</exception>
    public async Task<RecordingInfo> Stop(string session, string id)
    {
        Task? closing;
        lock (_gate)
            // Who asks while it is being closed waits for the same.
            closing = _active.Find(a => a.Session == session && a.Id == id) is { } active
                ? active.Closing ??= Task.Run(() => Close(active))
                : null;
        if (closing is not null)
            await closing.ConfigureAwait(false);
        return Info(session, PathOf(session, id));
    }

    private void Close(Active active)
    {
        try
        {
            active.Output.Dispose();
        }
        finally
        {
            lock (_gate)
                _active.Remove(active);
            TellEnd(active);
        }
    }

    // A session that is over has closed its outputs; those that are being closed are told of then.
    private void EndedWith(ServedRun run)
    {
        List<Active> ended;
        lock (_gate)
        {
            ended = _active.FindAll(a => a.Run == run && a.Closing is null);
            _active.RemoveAll(ended.Contains);
        }
        foreach (var recording in ended)
            TellEnd(recording);
    }

    // One that was begun in the last moment has no file.
    private void TellEnd(Active ended)
    {
        var isThere = File.Exists(Path.Combine(_folder.Recordings(ended.Session), ended.Id));
        _sessions.Events.Tell(
            EventKinds.RecordingEnded, ended.Session, isThere ? $"recorded {ended.Id}" : $"nothing was recorded as {ended.Id}", !isThere);
    }

    /// <summary>All of a session, the oldest first.</summary>
    public IReadOnlyList<RecordingInfo> All(string session)
    {
        var place = new DirectoryInfo(_folder.Recordings(session));
        return place.Exists
            ? [.. place.EnumerateFiles()
                .Where(f => StudioFolder.IsName(f.Name) && Containers.Contains(f.Extension.TrimStart('.')))
                .OrderBy(f => f.Name, StringComparer.Ordinal)
                .Select(f => Info(session, f.FullName))]
            : [];
    }

    /// <summary>A recording's file.</summary>
    /// <exception cref="RefusedException">There is none of that name.</exception>
    public string PathOf(string session, string id)
    {
        var path = Path.Combine(_folder.Recordings(session), StudioFolder.Checked(id, "recording"));
        return File.Exists(path) ? path : throw RefusedException.NotFound($"session {session} has no recording {id}");
    }

    /// <summary>Deletes one that is complete.</summary>
    /// <exception cref="RefusedException">There is none of that name, or it is being written.</exception>
    public void Delete(string session, string id)
    {
        var path = PathOf(session, id);
        if (IsBeingWritten(session, id))
            throw new RefusedException(StatusCodes.Status409Conflict, $"{id} is being written: stop it first");
        File.Delete(path);
    }

    // A name that no file has, so that the output need not take another one.
    private string NewName(string place, string kind)
    {
        var stem = _time.GetUtcNow().ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture);
        for (var number = 1; ; number++)
        {
            var name = number == 1 ? $"{stem}.{kind}" : $"{stem}-{number}.{kind}";
            if (!Path.Exists(Path.Combine(place, name)) && !Path.Exists(Path.Combine(place, $"{name}.partial"))
                && !_active.Exists(a => a.Id == name))
                return name;
        }
    }

    private RecordingInfo Info(string session, string path)
    {
        var file = new FileInfo(path);
        return new RecordingInfo(file.Name, session, !IsBeingWritten(session, file.Name), file.Exists ? file.Length : 0);
    }

    private bool IsBeingWritten(string session, string id)
    {
        lock (_gate)
            return _active.Exists(a => a.Session == session && a.Id == id);
    }

    private sealed record Active(string Session, string Id, ServedRun Run, AddedOutput Output)
    {
        /// <summary>Done when its file is complete; null while it is written.</summary>
        public Task? Closing { get; set; }
    }
}
