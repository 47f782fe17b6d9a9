using StreamDiff.Models;
using StreamDiff.Pipeline.Host;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// Streams that are suspended, within so much host memory: those that were suspended first go first. All members may be used from any
/// thread.
/// </summary>
/// <param name="mostBytes">Bytes that all of them together may take.</param>
internal sealed class ParkedStreams(long mostBytes) : IDisposable
{
    private readonly Lock _gate = new();

    // The oldest first.
    private readonly List<ParkedStream> _all = [];
    private bool _isOver;

    public long MostBytes => mostBytes;

    /// <summary>How many there are, and what they take.</summary>
    public (int Count, long Bytes) Now
    {
        get
        {
            lock (_gate)
                return (_all.Count, _all.Sum(p => p.Bytes));
        }
    }

    /// <summary>Takes one over.</summary>
    /// <returns>Those that must go for it, possibly itself: the caller's to dispose.</returns>
    public IReadOnlyList<ParkedStream> Add(ParkedStream stream)
    {
        var dropped = new List<ParkedStream>();
        lock (_gate)
        {
            _all.Add(stream);
            while (_all.Count > 0 && (_isOver || _all.Sum(p => p.Bytes) > mostBytes))
            {
                dropped.Add(_all[0]);
                _all.RemoveAt(0);
            }
        }
        return dropped;
    }

    /// <summary>Gives one up, to whom it is to dispose from here on; null where there is none.</summary>
    public ParkedStream? Remove(string name)
    {
        lock (_gate)
        {
            var found = _all.Find(p => p.Name == name);
            if (found is not null)
                _all.Remove(found);
            return found;
        }
    }

    /// <summary>Has one go on in its host; null where there is none, or none that can: that one is dropped, whatever went wrong.</summary>
    /// <param name="name">The session's.</param>
    /// <param name="host">Where it goes on; null where it is not to.</param>
    /// <param name="tell">Told what comes of it, by the session's name.</param>
    /// <param name="run">Makes the run around it, to which it belongs from then on.</param>
    public ServedRun? Take(string name, SessionHost? host, Action<string, string> tell, Func<ParkedStream, ServedRun> run)
    {
        if (Remove(name) is not { } stream)
            return null;
        try
        {
            if (host is not null)
            {
                host.Resume(stream.Path.Session);
                var resumed = run(stream);
                tell(name, "resumed with what its caches held");
                return resumed;
            }
        }
        catch (ModelException e)
        {
            tell(name, $"begins anew: {e.Message}");
        }
        catch
        {
            stream.Dispose();
            throw;
        }
        stream.Dispose();
        return null;
    }

    public void Dispose()
    {
        List<ParkedStream> all;
        lock (_gate)
        {
            _isOver = true;
            all = [.. _all];
            _all.Clear();
        }
        foreach (var stream in all)
            stream.Dispose();
    }
}

/// <summary>A stream that is suspended in its host.</summary>
/// <param name="Name">The session's.</param>
/// <param name="Path">Its frames' way, without a run around it.</param>
/// <param name="Control">Its changes and its log.</param>
/// <param name="Size">Of its frames.</param>
/// <param name="Bytes">Host memory that it takes.</param>
internal sealed record ParkedStream(
    string Name, HostPath Path, RunControl Control, (int Width, int Height) Size, long Bytes) : IDisposable
{
    public void Dispose()
    {
        Path.Session.Dispose();
        _ = Control.End(cancelled: true);
        Control.Dispose();
    }
}
