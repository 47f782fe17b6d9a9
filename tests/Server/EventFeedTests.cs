using StreamDiff.Server.Events;

namespace StreamDiff.Server.Tests;

/// <summary>What happens in the studio has numbers.</summary>
public sealed class EventFeedTests
{
    [Fact]
    public void Tell_AfterARestart_NumbersGoOn()
    {
        var before = new EventFeed(TimeProvider.System);
        using var listening = before.Listen();
        for (var i = 0; i < 500; i++)
            before.Tell(EventKinds.Note, null, "x");
        var last = 0L;
        while (listening.Events.TryRead(out var happened))
        {
            Assert.True(happened.Id > last);
            last = happened.Id;
        }
        var now = DateTimeOffset.UtcNow;
        SpinWait.SpinUntil(() => DateTimeOffset.UtcNow - now > TimeSpan.FromMilliseconds(1));

        var after = new EventFeed(TimeProvider.System);
        after.Tell(EventKinds.Note, null, "x");
        using var again = after.Listen(after: last);
        Assert.True(again.Events.TryRead(out var first));
        // Numbers of JSON hold it exactly.
        Assert.InRange(first.Id, last + 1, 1L << 53);
    }
}
