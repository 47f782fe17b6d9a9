using System.Diagnostics;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Joining the ranks into a ring: reaching them, telling each its place and blocks, waiting until all are ready.</summary>
public sealed partial class RankRing
{
    private const int MostFailures = 50;
    private const int MostDeadlines = 4;

    /// <summary>
    /// Joins the ranks into a ring: the first time all of them, later those that are left and those that are back. Everything that was
    /// before, on every rank, is forgotten but the weights.
    /// </summary>
    /// <param name="ranges">Blocks of each rank; null for an even split.</param>
    /// <exception cref="LinkException">A rank cannot be reached the first time, or none is left.</exception>
    public void Form(IReadOnlyList<BlockRange>? ranges = null)
    {
        if (_epoch == 0)
            ReachAll();
        TakeReturned();
        while (true)
        {
            var ring = Alive;
            if (ring.Count == 0)
                throw new LinkException($"no rank is left: {string.Join("; ", _members.Select(m => $"{m.Address} {m.Reason}"))}");
            _epoch++;
            DropResults();
            Ranges = ranges is not null && ranges.Count == ring.Count ? ranges : EvenSplit(_options.Blocks, ring.Count);
            if (TryAssign(ring))
            {
                ring.ForEach(TookPart);
                for (var rank = 0; rank + 1 < ring.Count; rank++)
                    if (!IsLocal(ring[rank + 1]))
                        Log?.Invoke($"{ring[rank].Address} to {ring[rank + 1].Address} by {Carriers[rank]}");
                LookForReturns();
                return;
            }
            ranges = null;
        }
    }

    /// <summary>As many blocks for each as can be, the first ones getting what is over.</summary>
    public static BlockRange[] EvenSplit(int blocks, int ranks)
    {
        var split = new BlockRange[ranks];
        for (int rank = 0, start = 0; rank < ranks; rank++)
        {
            var end = start + blocks / ranks + (rank < blocks % ranks ? 1 : 0);
            split[rank] = new BlockRange(start, end);
            start = end;
        }
        return split;
    }

    // A rank that is not there at the beginning is a mistake of the user's; one that goes later is not.
    private void ReachAll()
    {
        var problems = new List<string>();
        foreach (var member in _members)
        {
            try
            {
                member.Link = _connector.Connect(member.Address, _inbox, "driver");
            }
            catch (LinkException e)
            {
                problems.Add(e.Message);
            }
        }
        if (problems.Count > 0)
            throw new LinkException(string.Join("; ", problems));
    }

    private void TookPart(Member member)
    {
        member.Failures = 0;
        if (Interlocked.Exchange(ref member.Told, null) is not null)
            Log?.Invoke($"rank {member.Address} is back");
    }

    private bool TryAssign(List<Member> ring)
    {
        var started = Stopwatch.GetTimestamp();
        // From the last to the first: a rank may be called by the one before it as soon as that one is assigned.
        for (var rank = ring.Count - 1; rank >= 0; rank--)
        {
            var next = rank + 1 < ring.Count ? ring[rank + 1].Address : null;
            var place = new Assignment(rank, ring.Count, Ranges[rank].Start, Ranges[rank].End, next, _ring);
            if (!TrySend(ring[rank], LinkKind.Assign, Controls.Write(place)))
                return false;
        }
        var waiting = ring.ToHashSet();
        while (waiting.Count > 0)
        {
            if (!_inbox.Take(LookAround, out var item))
            {
                var waited = Stopwatch.GetElapsedTime(started);
                if (FindDead(waited, _options.FormDeadline) is not null)
                    return false;
                if (waited <= _options.FormDeadline)
                    continue;
                foreach (var silent in waiting)
                    Withdraw(silent, $"was not ready after {_options.FormDeadline.TotalSeconds:0.#} s", MostPauseOfFailed);
                return false;
            }
            using var message = item.Message;
            if (ring.Find(m => m.Link == item.Link) is not { } member)
                continue;
            if (message is null)
            {
                Lose(member, item.Reason ?? "gone");
                return false;
            }
            if (message.Header.Epoch != _epoch)
                continue;
            switch (message.Header.Kind)
            {
                case LinkKind.Ready:
                    waiting.Remove(member);
                    member.Carrier = message.Header.Detail;
                    break;
                case LinkKind.Declined:
                    Withdraw(member, message.Header.Detail ?? "declined", MostPause);
                    return false;
                case LinkKind.Failed:
                    Failed(member, message.Header.Detail ?? "failed");
                    return false;
            }
        }
        return true;
    }

    // A rank that cannot reach its neighbour is not itself at fault, and the neighbour soon shows by its own link: when it does not, the
    // two are tried for a while.
    private void Failed(Member member, string reason)
    {
        member.Reason = reason;
        if (++member.Failures == 1)
            member.FailingSince = Stopwatch.GetTimestamp();
        // A neighbour that refuses at once, or one that nothing comes back from: each try takes as long as a handshake may.
        if (member.Failures > MostFailures || Stopwatch.GetElapsedTime(member.FailingSince) > MostDeadlines * _options.Deadline)
            Withdraw(member, reason, MostPauseOfFailed);
        else if (_inbox.Take(LookAround, out var item))
        {
            using var message = item.Message;
            if (message is null && _members.Find(m => ReferenceEquals(m.Link, item.Link)) is { } lost)
                Lose(lost, item.Reason ?? "gone");
        }
        FindDead(TimeSpan.Zero, _options.FormDeadline);
    }
}
