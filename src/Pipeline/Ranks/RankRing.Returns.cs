using System.Diagnostics;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Ranks that were lost and come back: looked for in the background, taken in when the ring is formed the next time.</summary>
public sealed partial class RankRing
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostPause = TimeSpan.FromMinutes(1);

    // Each try of one that only fails when the ring is formed costs the streams a pause.
    private static readonly TimeSpan MostPauseOfFailed = TimeSpan.FromMinutes(10);

    private readonly CancellationTokenSource _stop = new();
    private Thread? _looking;

    private static bool IsLocal(Member member) => member.Address.StartsWith(LocalRankThreads.Prefix, StringComparison.Ordinal);

    private void LookForReturns()
    {
        if (_looking is not null)
            return;
        _looking = new Thread(Look) { Name = "streamdiff lost ranks", IsBackground = true };
        _looking.Start();
    }

    private void Look()
    {
        while (!_stop.Token.WaitHandle.WaitOne(LookAgain))
        {
            foreach (var member in _members.Where(m => m.Link is null && m.Returned is null && Stopwatch.GetTimestamp() >= m.RetryAt))
            {
                try
                {
                    LookFor(member);
                }
                catch (LinkException e)
                {
                    Forget(member);
                    // Who is not there is looked for each second; who is there and refuses has its reasons.
                    if (e.InnerException is LinkException refusal)
                        Postpone(member, refusal.Message, MostPause);
                    else
                        (member.Reason, member.Pause) = (e.Message, LookAgain);
                }
            }
        }
    }

    // Before the ring stops for it a rank says that it can take part, and has loaded what it will probably hold.
    private void LookFor(Member member)
    {
        var candidate = member.Candidate ??= Candidate.Call(_connector, member.Address);
        if (!Answers(candidate.Link))
        {
            Forget(member);
            return;
        }
        if (candidate.AskedAt == 0)
        {
            // A process whose rank hangs shakes hands and answers all the same: only one that has nothing to do can take an assignment.
            if (candidate.Link.PeerBusy > TimeSpan.Zero)
                return;
            candidate.AskedAt = Stopwatch.GetTimestamp();
            var place = PlaceOf(member);
            candidate.Link.Send(new LinkMessage(
                new LinkHeader { Kind = LinkKind.Invite, Detail = Controls.Write(new LoadOrder(place.Start, place.End)) }));
        }
        // Loading takes its time; others are looked for meanwhile.
        if (!candidate.Inbox.Take(LookAgain / 2, out var item))
        {
            if (Stopwatch.GetElapsedTime(candidate.AskedAt) > _options.FormDeadline)
                Forget(member);
            return;
        }
        using var message = item.Message;
        if (message?.Header.Kind == LinkKind.Ready)
            member.Returned = _connector.Connect(member.Address, _inbox, "driver");
        Forget(member);
        if (message?.Header.Kind == LinkKind.Declined)
            Postpone(member, message.Header.Detail ?? "declined", MostPause);
    }

    private BlockRange PlaceOf(Member member)
    {
        var ring = _members.FindAll(m => m.Link is not null || m == member);
        return EvenSplit(_options.Blocks, ring.Count)[ring.IndexOf(member)];
    }

    private static void Forget(Member member)
    {
        member.Candidate?.Dispose();
        member.Candidate = null;
    }

    /// <summary>A rank that takes no part for a reason of its own is asked again after a while, each time after a longer one.</summary>
    private void Postpone(Member member, string reason, TimeSpan most)
    {
        member.RetryAt = Stopwatch.GetTimestamp() + (long)(member.Pause.TotalSeconds * Stopwatch.Frequency);
        member.Pause = 2 * member.Pause < most ? 2 * member.Pause : most;
        Tell(member, reason, "without rank");
    }

    private void Withdraw(Member member, string reason, TimeSpan most)
    {
        // Before it is looked for.
        Postpone(member, reason, most);
        Lose(member, reason);
    }

    // Twice: when the second answer begins to come in, the first one has been read.
    private bool Answers(ILink link)
    {
        for (var time = 0; time < 2; time++)
        {
            var asked = Stopwatch.GetTimestamp();
            link.Ping();
            while (link.Silence >= Stopwatch.GetElapsedTime(asked))
                if (Stopwatch.GetElapsedTime(asked) > _options.Deadline || _stop.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(10)))
                    return false;
        }
        return true;
    }

    private void TakeReturned()
    {
        foreach (var member in _members.Where(m => m.Link is null && m.Returned is not null))
            (member.Link, member.Returned) = (member.Returned, null);
    }

    private void StopLooking()
    {
        _stop.Cancel();
        _looking?.Join();
        foreach (var member in _members)
        {
            member.Returned?.Dispose();
            Forget(member);
        }
        _stop.Dispose();
    }

    /// <summary>A link for one question: what comes of it is nothing for a ring that is at work.</summary>
    private sealed class Candidate(ILink link, LinkInbox inbox) : IDisposable
    {
        public ILink Link => link;

        public LinkInbox Inbox => inbox;

        /// <summary>When it was asked whether it can take part; 0 for never.</summary>
        public long AskedAt { get; set; }

        /// <exception cref="LinkException">It cannot be reached, or refuses.</exception>
        public static Candidate Call(IRankConnector connector, string address)
        {
            var inbox = new LinkInbox();
            return new Candidate(connector.Connect(address, inbox, "driver"), inbox);
        }

        public void Dispose()
        {
            link.Dispose();
            inbox.Dispose();
        }
    }
}
