using System.Diagnostics;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Ranks that were lost and come back: looked for in the background, taken in when the ring is formed the next time.</summary>
public sealed partial class RankRing
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private Thread? _looking;

    private static bool IsLocal(Member member) => member.Address.StartsWith(LocalRankThreads.Prefix, StringComparison.Ordinal);

    private void LookForReturns()
    {
        if (_looking is not null || _members.All(IsLocal))
            return;
        _looking = new Thread(Look) { Name = "streamdiff lost ranks", IsBackground = true };
        _looking.Start();
    }

    private void Look()
    {
        while (!_stop.Token.WaitHandle.WaitOne(LookAgain))
        {
            foreach (var member in _members.Where(m => m.Link is null && m.Returned is null))
            {
                try
                {
                    member.Candidate ??= _connector.Connect(member.Address, _inbox, "driver");
                }
                catch (LinkException e)
                {
                    member.Reason = e.Message;
                    continue;
                }
                if (!Answers(member.Candidate))
                {
                    member.Candidate.Dispose();
                    member.Candidate = null;
                }
                // A process whose rank hangs shakes hands and answers all the same: only one that has nothing to do can take an assignment.
                else if (member.Candidate.PeerBusy == TimeSpan.Zero)
                    (member.Returned, member.Candidate) = (member.Candidate, null);
            }
        }
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
        {
            Log?.Invoke($"rank {member.Address} is back");
            (member.Link, member.Returned, member.Refusals) = (member.Returned, null, 0);
        }
    }

    private void StopLooking()
    {
        _stop.Cancel();
        _looking?.Join();
        foreach (var member in _members)
        {
            member.Returned?.Dispose();
            member.Candidate?.Dispose();
        }
        _stop.Dispose();
    }
}
