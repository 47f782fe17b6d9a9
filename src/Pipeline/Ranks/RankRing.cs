using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A rank has gone or cannot go on: the ring must be formed anew, and its streams be rebuilt.</summary>
public sealed class RankFailedException(string rank, string reason) : TicksLostException($"rank {rank} failed: {reason}")
{
    public string Rank => rank;

    /// <summary>The pool that it had no memory for a tick of; 0 where that was not the reason.</summary>
    public int Pool { get; init; }
}

/// <summary>
/// The driver's view of the ranks: who takes part, which blocks each holds, what is in flight. Several streams may share a ring. Used by
/// one thread.
/// </summary>
public sealed partial class RankRing : IDisposable
{
    // Pools are numbered from 1.
    private const int NoPool = 0;
    private const int ChannelAxis = 2;
    private const int MostComplaints = 2;
    private static readonly TimeSpan LookAround = TimeSpan.FromMilliseconds(100);

    private readonly long _ring = Random.Shared.NextInt64();
    private readonly RankRingOptions _options;
    private readonly IRankConnector _connector;
    private readonly LinkInbox _inbox = new(1024);
    private readonly List<Member> _members;
    private readonly Queue<LinkMessage> _results = new();
    private readonly Queue<(long Tick, long[] Shape)> _expected = new();
    private long _waitingSince;
    private long _looked;
    private int _epoch;
    private long _order;
    private long _settled;
    private int _opening;
    private string? _refusal;
    private int _proven;

    /// <param name="options">Deadlines and depth.</param>
    /// <param name="addresses">Ranks in the order of the ring.</param>
    /// <param name="connector">Makes the links.</param>
    public RankRing(RankRingOptions options, IReadOnlyList<string> addresses, IRankConnector connector)
    {
        if (addresses.Count < 1 || addresses.Count > options.Blocks)
            throw new ModelException(
                $"{addresses.Count} ranks cannot share {options.Blocks} transformer blocks: use 1 to {options.Blocks} ranks");
        _options = options;
        _connector = connector;
        _members = [.. addresses.Select(a => new Member(a))];
        TickDeadline = options.TickDeadline;
    }

    /// <summary>As in the options; may be changed while the ring works.</summary>
    public TimeSpan TickDeadline { get; set; }

    /// <summary>Blocks of each rank of the ring, in its order.</summary>
    public IReadOnlyList<BlockRange> Ranges { get; private set; } = [];

    /// <summary>Addresses of the ranks that take part, in the order of the ring.</summary>
    public IReadOnlyList<string> Ranks => [.. Alive.Select(m => m.Address)];

    /// <summary>What carries arrays from each rank to the next: one less than ranks.</summary>
    public IReadOnlyList<string> Carriers => [.. Alive.SkipLast(1).Select(m => m.Carrier ?? "?")];

    /// <summary>Counts how often the ring was formed: streams opened under another number are gone.</summary>
    public int Epoch => _epoch;

    /// <summary>Ticks that may be in flight.</summary>
    public int Depth => DepthOf(Alive.Count);

    /// <summary>The same when all ranks take part.</summary>
    public int MostDepth => DepthOf(_members.Count);

    /// <summary>What each rank measured in a tick, as the results come.</summary>
    public Action<IReadOnlyList<RankTiming>>? Timed { get; set; }

    /// <summary>Called, from any thread, when something has come in that <see cref="TryReceive"/> would look at. Must not wait.</summary>
    public Action? Arrived
    {
        set => _inbox.Arrived = value;
    }

    /// <summary>What happens to the ring, one line each.</summary>
    public Action<string>? Log { get; set; }

    private List<Member> Alive => _members.FindAll(m => m.Link is not null);

    private int DepthOf(int ranks) => _options.Depth > 0 ? _options.Depth : ranks + 1;

    /// <summary>True when a rank that was lost can be reached again: forming the ring takes it in.</summary>
    public bool HasReturned => _members.Any(m => m.Link is null && m.Returned is not null);

    /// <summary>Sends a message into the ring; it goes to rank 0 first.</summary>
    public void Send(LinkMessage message)
    {
        var first = Alive.FirstOrDefault();
        if (first is null)
        {
            message.Dispose();
            throw new RankFailedException("0", "no rank is left");
        }
        if (message.Header.Kind == LinkKind.Tick)
            _expected.Enqueue((message.Header.Tick, message.Payloads[^1].Shape));
        try
        {
            first.Link!.Send(message);
        }
        catch (LinkException e)
        {
            Lose(first, e.Message);
            throw new RankFailedException(first.Address, e.Message);
        }
    }

    /// <summary>A header for a control message.</summary>
    public LinkHeader Header(LinkKind kind, int pool, long tick = 0, string? detail = null) =>
        new() { Kind = kind, Epoch = _epoch, Pool = pool, Tick = tick, Detail = detail };

    /// <summary>Waits for the next result; results come in the order of their ticks. The caller disposes it.</summary>
    /// <exception cref="RankFailedException">A rank failed meanwhile.</exception>
    public LinkMessage Receive()
    {
        while (true)
        {
            if (TryReceive() is { } ready)
                return ready;
            if (_inbox.Take(LookAround, out var item))
                Handle(item);
        }
    }

    /// <summary>The next result; null while there is none.</summary>
    /// <exception cref="RankFailedException">A rank failed meanwhile.</exception>
    public LinkMessage? TryReceive()
    {
        while (_results.Count == 0 && _inbox.Take(TimeSpan.Zero, out var item))
            Handle(item);
        if (_results.TryDequeue(out var ready))
        {
            _waitingSince = 0;
            return ready;
        }
        var now = Stopwatch.GetTimestamp();
        if (_waitingSince == 0)
            _waitingSince = _looked = now;
        else if (Stopwatch.GetElapsedTime(_looked, now) >= LookAround)
        {
            _looked = now;
            LookForTheDead(Stopwatch.GetElapsedTime(_waitingSince, now));
        }
        return null;
    }

    /// <summary>
    /// Waits until every rank has done all that was sent before: then no rank holds anything in its hands, and nothing is on its way.
    /// </summary>
    /// <exception cref="RankFailedException">A rank failed meanwhile.</exception>
    internal void Settle()
    {
        // To close a pool that never was changes nothing; each rank passes it on when it is done with what came before.
        var order = ++_order;
        Send(new LinkMessage(Header(LinkKind.ClosePool, NoPool, order)));
        WaitUntil(() => _settled >= order);
    }

    /// <summary>Has every rank make a pool of lanes, and waits for it. Where one cannot, none keeps it, and all else goes on.</summary>
    /// <param name="pool">Its number, from 1.</param>
    /// <param name="opening">Its sizes.</param>
    /// <returns>Null when all have it; otherwise which rank cannot make it, and why.</returns>
    /// <exception cref="RankFailedException">A rank failed meanwhile.</exception>
    internal string? Open(int pool, PoolOpening opening)
    {
        (_opening, _refusal) = (pool, null);
        try
        {
            Send(new LinkMessage(Header(LinkKind.OpenPool, pool, 0, Controls.Write(opening))));
            WaitUntil(() => _opening == NoPool);
        }
        finally
        {
            _opening = NoPool;
        }
        // Those before the one that refused have made it.
        if (_refusal is not null)
            Send(new LinkMessage(Header(LinkKind.ClosePool, pool)));
        return _refusal;
    }

    public void Dispose()
    {
        StopLooking();
        foreach (var member in _members)
            member.Link?.Dispose();
        DropResults();
        _inbox.Dispose();
    }

    private void WaitUntil(Func<bool> isDone)
    {
        var waiting = Stopwatch.GetTimestamp();
        while (!isDone())
        {
            if (_inbox.Take(LookAround, out var item))
                Handle(item);
            else
                LookForTheDead(Stopwatch.GetElapsedTime(waiting));
        }
    }

    private bool TrySend(Member member, LinkKind kind, string? detail, long tick = 0)
    {
        try
        {
            member.Link!.Send(new LinkMessage(Header(kind, 0, tick, detail)));
            return true;
        }
        catch (LinkException e)
        {
            Lose(member, e.Message);
            return false;
        }
    }

    private void Handle(LinkEvent item)
    {
        var member = _members.Find(m => ReferenceEquals(m.Link, item.Link));
        if (item.Message is null)
        {
            if (member is null)
                return;
            Lose(member, item.Reason ?? "gone");
            throw new RankFailedException(member.Address, member.Reason);
        }
        var header = item.Message.Header;
        if (header.Epoch != _epoch || member is null)
        {
            item.Message.Dispose();
            return;
        }
        switch (header.Kind)
        {
            case LinkKind.Result when !IsExpected(item.Message):
            case LinkKind.Passed when IsSettling(header) && header.Tick > _order:
                item.Message.Dispose();
                Lose(member, "it sent a result that nobody asked for");
                throw new RankFailedException(member.Address, member.Reason);
            case LinkKind.Result:
                Timed?.Invoke(header.Timings);
                Proven();
                Progressed();
                _results.Enqueue(item.Message);
                return;
            case LinkKind.Failed when header.Pool == _opening && _opening != NoPool:
                item.Message.Dispose();
                (_opening, _refusal) = (NoPool, $"rank {member.Address}: {header.Detail}");
                return;
            case LinkKind.Failed:
                item.Message.Dispose();
                throw Complaint(member, header);
            case LinkKind.Passed when IsSettling(header):
                item.Message.Dispose();
                _settled = header.Tick;
                return;
            case LinkKind.Passed when header.Pool == _opening && header.Detail == nameof(LinkKind.OpenPool):
                item.Message.Dispose();
                _opening = NoPool;
                return;
            case LinkKind.Loaded:
                item.Message.Dispose();
                Loaded(member, header);
                return;
            default:
                item.Message.Dispose();
                return;
        }
    }

    // Which rank is dead shows by its link; the one that complains may be its neighbour. One that complains each time has a device that
    // does not work, and is better done without.
    private RankFailedException Complaint(Member member, LinkHeader header)
    {
        var reason = header.Detail ?? "failed";
        if (header.Pool == NoPool && ++member.Complaints > MostComplaints)
            Withdraw(member, reason, MostPauseOfFailed);
        return new RankFailedException(member.Address, reason) { Pool = header.Pool };
    }

    // The ring that was formed last works.
    private void Proven()
    {
        if (_proven == _epoch)
            return;
        _proven = _epoch;
        foreach (var member in Alive)
            (member.Complaints, member.Pause) = (0, LookAgain);
    }

    private static bool IsSettling(LinkHeader header) => header.Pool == NoPool && header.Detail == nameof(LinkKind.ClosePool);

    // Results come in the order of their ticks, each of the size of what was sent but for its channels.
    private bool IsExpected(LinkMessage message) =>
        _expected.TryDequeue(out var tick) && message.Header.Tick == tick.Tick && message.Header.Timings.Count <= _members.Count
        && message.Payloads is [{ Shape: var shape }] && shape.Length == tick.Shape.Length
        && shape.Zip(tick.Shape).Index().All(d => d.Index == ChannelAxis || d.Item.First == d.Item.Second);

    private void Lose(Member member, string reason)
    {
        Tell(member, reason, "lost rank");
        member.Link?.Dispose();
        (member.Link, member.AskedAt) = (null, 0);
    }

    // One line for a change of state, not for every try.
    private void Tell(Member member, string reason, string what)
    {
        member.Reason = reason;
        if (Interlocked.Exchange(ref member.Told, reason) != reason)
            Log?.Invoke($"{what} {member.Address}: {reason}");
    }

    private void DropResults()
    {
        while (_results.TryDequeue(out var message))
            message.Dispose();
        _expected.Clear();
        _waitingSince = 0;
        ForgetMoves();
    }

    private sealed class Member(string address)
    {
        public string Address => address;

        public ILink? Link { get; set; }

        public string Reason { get; set; } = "was never reached";

        /// <summary>How often it could not join its neighbour, since it last could.</summary>
        public int Failures { get; set; }

        /// <summary>When that began.</summary>
        public long FailingSince { get; set; }

        /// <summary>How often it could not go on, since the ring last worked.</summary>
        public int Complaints { get; set; }

        /// <summary>What carries arrays to the next rank; null at the last one.</summary>
        public string? Carrier { get; set; }

        /// <summary>When it was asked for a sign of life that has not come; 0 for never.</summary>
        public long AskedAt { get; set; }

        /// <summary>Why it takes no part, as it was logged; null while it does, and before it ever did.</summary>
        public string? Told;

        /// <summary>When it may be asked again whether it can take part.</summary>
        public long RetryAt { get; set; }

        /// <summary>How long it is left alone when it cannot take part the next time.</summary>
        public TimeSpan Pause { get; set; } = LookAgain;

        /// <summary>A rank that was lost, answers, and has not said yet that it can take part.</summary>
        public Candidate? Candidate { get; set; }

        /// <summary>A link that was made in the background, not part of the ring yet. Guarded by the member itself.</summary>
        public ILink? Returned { get; set; }
    }
}
