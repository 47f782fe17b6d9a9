using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A rank's place in the ring: taking it, meeting the neighbours, losing them.</summary>
public sealed partial class RankWorker
{
    private void Assign(ILink link, LinkHeader header)
    {
        if (_head is not null && !ReferenceEquals(_head, link))
        {
            // A driver that is gone has closed its link, so this one is alive.
            link.Send(new LinkMessage(
                new LinkHeader { Kind = LinkKind.Failed, Epoch = header.Epoch, Detail = "this rank works for another driver" }));
            return;
        }
        var place = CheckedAssignment(header);
        Reset();
        _head = link;
        _epoch = header.Epoch;
        _place = place;
        if (_model is not null && (place.End <= _model.FirstBlock || place.Start >= _model.FirstBlock + _model.BlockCount))
        {
            _model.Dispose();
            _model = null;
        }
        if (_model is null)
            _model = model.Load(place.Start, place.End);
        else
            RankModel.Resize(_model, place.Start, place.End, TakeLoaded);
        // Whatever the ring before this one had come to.
        _model.UseLoras(null);
        if (_neighbour is { } met && met.Epoch == _epoch)
            _previous = met.Link;
        if (place.Next is not null)
        {
            _next = connector.Connect(place.Next, inbox, name);
            _next.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Neighbour, Epoch = _epoch }));
        }
        Log?.Invoke(
            $"{name}: rank {place.Rank} of {place.World}, blocks {place.Start} to {place.End - 1} on "
            + $"{model.Device}{(_next is null ? "" : $", to rank {place.Rank + 1} by {_next.Carrier}")}");
        _head.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Ready, Epoch = _epoch, Tick = place.Rank, Detail = _next?.Carrier }));
    }

    private void MeetNeighbour(ILink link, int epoch)
    {
        // It may come before the assignment that it belongs to. The one before is no longer anybody's.
        if (_neighbour is { } before && before.Link != link && before.Link != _previous && before.Link != _head)
            before.Link.Dispose();
        _neighbour = (link, epoch);
        if (epoch == _epoch && _place.Rank > 0)
            _previous = link;
    }

    private void Closed(ILink link, string reason)
    {
        if (ReferenceEquals(link, _head))
        {
            Log?.Invoke($"{name}: the driver has gone ({reason})");
            _head.Dispose();
            _head = null;
            Reset();
        }
        else if (ReferenceEquals(link, _next) || ReferenceEquals(link, _previous))
            throw new LinkException($"the neighbour {link.Peer} has gone ({reason})");
        else if (_neighbour?.Link == link)
            _neighbour = null;
    }

    /// <summary>Forgets all streams and neighbours; keeps the weights, which the next assignment can probably use.</summary>
    private void Reset()
    {
        foreach (var pool in _pools.Values)
            pool.Dispose();
        _pools.Clear();
        _prompts.Dispose();
        ForgetMoves();
        _next?.Dispose();
        _next = null;
        if (_previous is not null && (_neighbour is null || !ReferenceEquals(_neighbour.Value.Link, _previous)))
            _previous.Dispose();
        _previous = null;
        _epoch = -1;
    }
}
