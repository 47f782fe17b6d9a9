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
/// <param name="sessions">The sessions.</param>
/// <param name="folder">Where they are kept.</param>
/// <param name="time">For their names.</param>
internal sealed class Recordings(StudioSessions sessions, StudioFolder folder, TimeProvider time)
{
    private const int MostAtOnce = 4;
    private static readonly string[] Containers = ["mkv", "mp4", "ts"];

    private readonly Lock _gate = new();
    private readonly List<Active> _active = [];

    /// <summary>Begins one.</summary>
    /// <exception cref="RefusedException">The session does not run, or the container is none.</exception>
    public RecordingInfo Start(string session, string? container)
    {
        var kind = container ?? Containers[0];
        if (!Containers.Contains(kind))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"container must be {string.Join(" or ", Containers)}, not {kind}", "container"));
        var (_, run) = sessions.Running(session);
        lock (_gate)
        {
            _active.RemoveAll(a => !a.IsOpen);
            if (_active.Count(a => a.Session == session) >= MostAtOnce)
                throw new RefusedException(StatusCodes.Status409Conflict, $"session {session} is recorded {MostAtOnce} times already");
            var place = folder.Recordings(session);
            Directory.CreateDirectory(place);
            var id = NewName(place, kind);
            Check(run.Outputs.Format with { Output = Path.Combine(place, id) });
            var active = new Active(session, id, run, run.Outputs.Add(Path.Combine(place, id)));
            _active.Add(active);
            sessions.Events.Tell(EventKinds.RecordingStarted, session, $"recording to {id}");
            return Info(session, Path.Combine(place, id));
        }
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
        Active? active;
        lock (_gate)
        {
            active = _active.Find(a => a.Session == session && a.Id == id);
            if (active is not null)
                _active.Remove(active);
        }
        if (active is not null)
        {
            await Task.Run(active.Output.Dispose).ConfigureAwait(false);
            sessions.Events.Tell(EventKinds.RecordingEnded, session, $"recorded {id}");
        }
        return Info(session, PathOf(session, id));
    }

    /// <summary>All of a session, the oldest first.</summary>
    public IReadOnlyList<RecordingInfo> All(string session)
    {
        var place = new DirectoryInfo(folder.Recordings(session));
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
        var path = Path.Combine(folder.Recordings(session), StudioFolder.Checked(id, "recording"));
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
        var stem = time.GetUtcNow().ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture);
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
            return _active.Exists(a => a.Session == session && a.Id == id && a.IsOpen);
    }

    private sealed record Active(string Session, string Id, ServedRun Run, AddedOutput Output)
    {
        // A session that is over has closed its outputs.
        public bool IsOpen => !Run.IsOver;
    }
}
