using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A rank's place in the ring: taking it, meeting the neighbours, losing them.</summary>
public sealed partial class RankWorker
{
    private const string OtherDriver = "it works for another driver";

    private string? _declined;

    private void Assign(ILink link, LinkHeader header)
    {
        if (IsTaken(link))
        {
            Decline(link, header, OtherDriver);
            return;
        }
        var place = CheckedAssignment(header);
        Reset();
        _head = null;
        if (ObstacleToHold(place.Start, place.End) is { } obstacle)
        {
            Decline(link, header, obstacle);
            return;
        }
        (_head, _declined) = (link, null);
        _epoch = header.Epoch;
        _place = place;
        if (_neighbour is { } met && met.Epoch == _epoch && met.Ring == place.Ring)
            _previous = met.Link;
        if (place.Next is not null)
        {
            _next = connector.Connect(place.Next, inbox, name);
            _next.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Neighbour, Epoch = _epoch, Tick = place.Ring }));
        }
        Log?.Invoke(
            $"{name}: rank {place.Rank} of {place.World}, blocks {place.Start} to {place.End - 1} on "
            + $"{model.Device}{(_next is null ? "" : $", to rank {place.Rank + 1} by {_next.Carrier}")}");
        _head.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Ready, Epoch = _epoch, Tick = place.Rank, Detail = _next?.Carrier }));
    }

    // A driver asks before it stops its ring: what it will probably want is loaded beside its ticks.
    private void AnswerInvitation(ILink link, LinkHeader header)
    {
        var blocks = CheckedInvitation(header);
        Expect(!ReferenceEquals(link, _head), "an invitation into its own ring");
        if (IsTaken(link))
            Decline(link, header, OtherDriver);
        else if (ObstacleToHold(blocks.Start, blocks.End) is { } obstacle)
            Decline(link, header, obstacle);
        else
            Answer(link, new LinkHeader { Kind = LinkKind.Ready, Epoch = header.Epoch });
    }

    // A driver that is gone has closed its link, or the system has, so this one is alive.
    private bool IsTaken(ILink link) => _head is not null && !ReferenceEquals(_head, link);

    private void Decline(ILink link, LinkHeader header, string reason)
    {
        // A driver asks again and again.
        if (_declined != reason)
            Log?.Invoke($"{name}: takes no part with {link.Peer}: {reason}");
        _declined = reason;
        Answer(link, new LinkHeader { Kind = LinkKind.Declined, Epoch = header.Epoch, Detail = reason });
    }

    private static void Answer(ILink link, LinkHeader header)
    {
        try
        {
            link.Send(new LinkMessage(header));
        }
        catch (LinkException)
        {
            // Whoever asked and has gone is nothing to the driver that this rank may work for.
        }
    }

    /// <summary>Loads what of a range of blocks is not there, and forgets what is too much; null when that is done, or why not.</summary>
    private string? ObstacleToHold(int start, int end)
    {
        try
        {
            if (_model is not null && (end <= _model.FirstBlock || start >= _model.FirstBlock + _model.BlockCount))
            {
                _model.Dispose();
                _model = null;
            }
            if (_model is null)
                _model = model.Load(start, end);
            else
                RankModel.Resize(_model, start, end, TakeLoaded);
            DropLoaded(_ => true);
            // Whatever the ring before this one had come to.
            _model.UseLoras(null);
            // A device that has failed says so here.
            Synchronize();
            return null;
        }
        catch (Exception e)
        {
            return $"it cannot load blocks {start} to {end - 1} on {model.Device}: {e.Message.Split('\n')[0]}";
        }
    }

    private void MeetNeighbour(ILink link, int epoch, long ring)
    {
        // It may come before the assignment that it belongs to. The one before is no longer anybody's.
        if (_neighbour is { } before && before.Link != link && before.Link != _previous && before.Link != _head)
            before.Link.Dispose();
        _neighbour = (link, epoch, ring);
        // Not one of another driver's ring, which counts its epochs as well.
        if (epoch == _epoch && ring == _place.Ring && _place.Rank > 0)
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
