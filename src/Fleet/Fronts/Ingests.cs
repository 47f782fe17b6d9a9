using StreamDiff.Fleet.Contracts;
using StreamDiff.Server.Events;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Fronts;

/// <summary>Public addresses of streams that this front listens at. All members may be used from any thread.</summary>
/// <param name="port">Passes on what comes.</param>
/// <param name="events">Told who was sent away.</param>
internal sealed class Ingests(RelayPort port, EventFeed events)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _addresses = new(StringComparer.Ordinal);

    /// <summary>Listens for a stream's publisher. False where it does already.</summary>
    /// <exception cref="MediaException">The address cannot be listened at.</exception>
    public bool TryAdd(StreamSpec spec)
    {
        lock (_gate)
        {
            if (_addresses.TryGetValue(spec.Name, out var known))
            {
                if (known == spec.Ingest)
                    return false;
                port.Remove(spec.Name);
                _ = _addresses.Remove(spec.Name);
            }
            port.Add(spec.Name, MediaAddress.Parse(spec.Ingest!), text => events.Tell(EventKinds.Note, spec.Name, text));
            _addresses[spec.Name] = spec.Ingest!;
            return true;
        }
    }

    /// <summary>Listens for it no more.</summary>
    public void Remove(string name)
    {
        lock (_gate)
            if (_addresses.Remove(name))
                port.Remove(name);
    }

    /// <summary>Listens for these and no others.</summary>
    /// <param name="streams">All that live.</param>
    /// <returns>What went wrong, a line each.</returns>
    public IReadOnlyList<string> Be(IReadOnlyList<StreamView> streams)
    {
        var wrong = new List<string>();
        foreach (var view in streams.Where(s => s.Spec.Ingest is not null && s.Phase != StreamPhase.Stopping))
            try
            {
                _ = TryAdd(view.Spec);
            }
            catch (MediaException e)
            {
                wrong.Add(e.Message);
            }
        List<string> others;
        lock (_gate)
            others = [.. _addresses.Keys.Except(streams.Select(s => s.Spec.Name))];
        // One that somebody has just asked for is not known to the fleet yet.
        foreach (var name in others.Where(n => !_fresh.Remove(n)))
            Remove(name);
        foreach (var name in others)
            _ = _fresh.Add(name);
        return wrong;
    }

    private readonly HashSet<string> _fresh = [];

    /// <summary>True while a stream's publisher is here.</summary>
    public bool HasPublisher(string name) => port.HasPublisher(name);
}
