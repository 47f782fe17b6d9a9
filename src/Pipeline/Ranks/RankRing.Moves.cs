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
    private readonly List<BlockRange[]> _refused = [];
    private BlockRange[]? _wanted;
    private long _load;
    private int _loading;
    private int _ticksUntilSettled;

    /// <summary>True while blocks are on their way; another move can be asked for when it is over.</summary>
    public bool IsMoving => _wanted is not null || _ticksUntilSettled > 0;

    /// <summary>True for a spread for which a rank could not load its blocks, since the ring was formed.</summary>
    public bool Refuses(IReadOnlyList<BlockRange> ranges) => _refused.Exists(r => r.SequenceEqual(ranges));

    /// <summary>
    /// Asks for another spread. It takes effect as soon as all weights are there, with the next <see cref="Pump"/>; where a rank cannot
    /// load them all stay as they are.
    /// </summary>
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
        _load = ++_order;
        _loading = 0;
        for (var rank = 0; rank < ring.Count; rank++)
        {
            if (ranges[rank].Start >= Ranges[rank].Start && ranges[rank].End <= Ranges[rank].End)
                continue;
            _loading++;
            Load(ring[rank], ranges[rank]);
        }
    }

    private void Load(Member member, BlockRange range)
    {
        if (!TrySend(member, LinkKind.Load, Controls.Write(new LoadOrder(range.Start, range.End)), _load))
            throw new RankFailedException(member.Address, member.Reason);
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
        Log?.Invoke($"blocks {string.Join(", ", _wanted.Select(Text))}");
        Ranges = _wanted;
        _wanted = null;
        // Results of ticks sent before the order may still come; the one after them was computed by the new spread.
        _ticksUntilSettled = Depth + 1;
    }

    private void Loaded(Member member, LinkHeader header)
    {
        if (_wanted is null || header.Tick != _load)
            return;
        if (header.Detail is null)
        {
            _loading--;
            return;
        }
        Log?.Invoke(
            $"blocks stay where they are: rank {member.Address} cannot load those of {string.Join(", ", _wanted.Select(Text))}: "
            + header.Detail);
        _refused.Add(_wanted);
        _wanted = null;
        // What the others have loaded for it is not needed.
        _load = ++_order;
        foreach (var (rank, range) in Alive.Zip(Ranges))
            Load(rank, range);
    }

    private static string Text(BlockRange range) => $"{range.Start}-{range.End - 1}";

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
        _refused.Clear();
    }
}
