using StreamDiff.Models;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// Spreading the blocks anew while the streams go on: weights are loaded beside the ticks, then an order to move goes through the ring
/// between two ticks.
/// </summary>
public sealed partial class RankRing
{
    private BlockRange[]? _wanted;
    private int _loading;
    private int _ticksUntilSettled;

    /// <summary>True while blocks are on their way; another move can be asked for when it is over.</summary>
    public bool IsMoving => _wanted is not null || _ticksUntilSettled > 0;

    /// <summary>Asks for another spread. It takes effect as soon as all weights are there, with the next <see cref="Pump"/>.</summary>
    /// <param name="ranges">
    /// One range for each rank, contiguous. Blocks move between neighbours only: each rank keeps one of its blocks at least.
    /// </param>
    /// <exception cref="ModelException">The ranges do not follow from the present ones in one move.</exception>
    public void Move(IReadOnlyList<BlockRange> ranges)
    {
        if (IsMoving)
            throw new InvalidOperationException("blocks are on the move already");
        if (ranges.Count != Ranges.Count || ranges[0].Start != 0 || ranges[^1].End != _options.Blocks)
            throw new ModelException("the ranges do not cover the network");
        for (var rank = 0; rank < ranges.Count; rank++)
        {
            if (ranges[rank].Count < 1 || (rank > 0 && ranges[rank].Start != ranges[rank - 1].End))
                throw new ModelException("the ranges are not contiguous");
            if (ranges[rank].Start >= Ranges[rank].End || ranges[rank].End <= Ranges[rank].Start)
                throw new ModelException($"rank {rank} would keep none of its blocks: move in smaller steps");
        }
        var ring = Alive;
        _wanted = [.. ranges];
        _loading = 0;
        for (var rank = 0; rank < ring.Count; rank++)
        {
            if (ranges[rank].Start >= Ranges[rank].Start && ranges[rank].End <= Ranges[rank].End)
                continue;
            _loading++;
            if (!TrySend(ring[rank], LinkKind.Load, Controls.Write(new LoadOrder(ranges[rank].Start, ranges[rank].End))))
                throw new RankFailedException(ring[rank].Address, ring[rank].Reason);
        }
    }

    /// <summary>Looks at what has come in without waiting, and sends the order to move when all is loaded. Called between ticks.</summary>
    public void Pump()
    {
        while (_inbox.Take(TimeSpan.Zero, out var item))
            Handle(item);
        if (_wanted is null || _loading > 0)
            return;
        Send(
            new LinkMessage(Header(LinkKind.Move, 0, ++_order,
                Controls.Write(new MoveOrder([.. _wanted.Select(r => r.Start)], _options.Blocks)))));
        Log?.Invoke($"blocks {string.Join(", ", _wanted.Select(r => $"{r.Start}-{r.End - 1}"))}");
        Ranges = _wanted;
        _wanted = null;
        // Results of ticks sent before the order may still come; the one after them was computed by the new spread.
        _ticksUntilSettled = Depth + 1;
    }

    private void Moved(LinkHeader header)
    {
        if (header.Kind == LinkKind.Loaded && _wanted is not null)
            _loading--;
    }

    private void Progressed()
    {
        if (_ticksUntilSettled > 0)
            _ticksUntilSettled--;
    }

    private void ForgetMoves()
    {
        _wanted = null;
        _loading = 0;
        _ticksUntilSettled = 0;
    }
}
