using System.Diagnostics;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Noticing ranks that are silent or stalled.</summary>
public sealed partial class RankRing
{
    private void LookForTheDead(TimeSpan waited)
    {
        if (FindDead(waited, TickDeadline) is { } dead)
            throw new RankFailedException(dead.Address, dead.Reason);
    }

    // The last one that was lost now; null for nobody.
    private Member? FindDead(TimeSpan waited, TimeSpan busyDeadline)
    {
        Member? found = null;
        foreach (var member in Alive)
        {
            if (IsSilent(member))
                Lose(member, $"gave no sign of life for {_options.Deadline.TotalSeconds:0.#} s");
            else if (waited > busyDeadline && member.Link!.PeerBusy > busyDeadline)
                Lose(member, $"worked on one message for more than {busyDeadline.TotalSeconds:0.#} s");
            else
                continue;
            found = member;
        }
        return found;
    }

    // Only a rank that was asked and has not answered is silent: in a stream that runs well most ranks have nothing to say to the driver.
    private bool IsSilent(Member member)
    {
        var link = member.Link!;
        if (member.AskedAt == 0 || link.Silence < Stopwatch.GetElapsedTime(member.AskedAt))
            member.AskedAt = Stopwatch.GetTimestamp();
        link.Ping();
        return Stopwatch.GetElapsedTime(member.AskedAt) > _options.Deadline;
    }
}
