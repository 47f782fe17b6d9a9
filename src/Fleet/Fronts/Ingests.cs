using StreamDiff.Fleet.Contracts;
using StreamDiff.Server.Events;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Fronts;

/// <summary>
/// Public addresses of streams, for publishers and viewers, that this front listens at. All members may be used from any thread.
/// </summary>
/// <param name="port">Passes on what comes.</param>
/// <param name="events">Told who was sent away.</param>
internal sealed class Ingests(RelayPort port, EventFeed events)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, StreamSpec> _specs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _starting = new(StringComparer.Ordinal);
    private HashSet<string> _missed = new(StringComparer.Ordinal);

    /// <summary>
    /// Listens for a stream that the fleet does not know yet: it is kept until <see cref="Begun"/>. False where something is listened at
    /// for that name: whoever asks for a stream that is there, with the same settings or others, must not send its publisher away.
    /// </summary>
    /// <exception cref="MediaException">The address cannot be listened at.</exception>
    public bool TryBegin(StreamSpec spec)
    {
        lock (_gate)
            return !_specs.ContainsKey(spec.Name) && TryAdd(spec) && _starting.Add(spec.Name);
    }

    /// <summary>The fleet knows it, or will not.</summary>
    public void Begun(string name)
    {
        lock (_gate)
            _ = _starting.Remove(name);
    }

    /// <summary>Listens for a stream's publisher and viewers. False where it does already.</summary>
    /// <exception cref="MediaException">One of the addresses cannot be listened at: then none is.</exception>
    public bool TryAdd(StreamSpec spec)
    {
        lock (_gate)
        {
            if (_specs.TryGetValue(spec.Name, out var known))
            {
                if (known.Ingest == spec.Ingest && known.Egress.SequenceEqual(spec.Egress))
                    return false;
                Remove(spec.Name);
            }
            try
            {
                void Tell(string text) => events.Tell(EventKinds.Note, spec.Name, text);
                if (spec.Ingest is { } ingest)
                    port.Add(spec.Name, MediaAddress.Parse(ingest), Tell);
                for (var i = 0; i < spec.Egress.Count; i++)
                    port.AddOutput(spec.EgressName(i), MediaAddress.Parse(spec.Egress[i]), Tell);
            }
            catch
            {
                Free(spec);
                throw;
            }
            _specs[spec.Name] = spec;
            return true;
        }
    }

    /// <summary>Listens for it no more.</summary>
    public void Remove(string name)
    {
        lock (_gate)
            if (_specs.Remove(name, out var spec))
                Free(spec);
    }

    private void Free(StreamSpec spec)
    {
        port.Remove(spec.Name);
        for (var i = 0; i < spec.Egress.Count; i++)
            port.Remove(spec.EgressName(i));
    }

    /// <summary>Listens for these and no others.</summary>
    /// <param name="streams">All that live.</param>
    /// <returns>What went wrong, a line each.</returns>
    public IReadOnlyList<string> Be(IReadOnlyList<StreamView> streams)
    {
        var wrong = new List<string>();
        foreach (var view in streams.Where(s => s.Spec.IsRelayed && s.Phase != StreamPhase.Stopping))
            try
            {
                _ = TryAdd(view.Spec);
            }
            catch (MediaException e)
            {
                wrong.Add(e.Message);
            }
        lock (_gate)
        {
            // The list may be older than a stream: only what is missed twice is gone.
            var others = _specs.Keys.Except(streams.Select(s => s.Spec.Name)).Except(_starting).ToHashSet(StringComparer.Ordinal);
            foreach (var name in others.Where(_missed.Contains))
                Remove(name);
            _missed = others;
        }
        return wrong;
    }

    /// <summary>True while a stream's publisher is here.</summary>
    public bool HasPublisher(string name) => port.HasPublisher(name);
}
