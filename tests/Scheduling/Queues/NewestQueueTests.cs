using StreamDiff.Scheduling.Queues;

namespace StreamDiff.Scheduling.Tests.Queues;

public sealed class NewestQueueTests
{
    [Fact]
    public void Add_TooMuch_TheOldestGoesAndWhatCountsNothingGoesWithThem()
    {
        var (queue, dropped) = (new NewestQueue<string>(entry => entry.StartsWith('f') ? 1 : 0), new List<string>());
        foreach (var entry in (string[])["f1", "sound", "f2", "f3"])
            queue.Add(entry, 2, dropped.Add);
        Assert.Equal(["f1"], dropped);
        Assert.True(queue.TryTake(out var first));
        Assert.Equal("sound", first);
        queue.Add("f4", 2, dropped.Add);
        Assert.Equal(["f1", "f2"], dropped);
        Assert.Equal(["f3", "f4"], queue);
    }

    [Fact]
    public void Add_LimitThatHasBecomeSmaller_HoldsAtOnce()
    {
        var (queue, dropped) = (new NewestQueue<int>(), new List<int>());
        for (var i = 0; i < 7; i++)
            queue.Add(i, 7, dropped.Add);
        queue.Add(7, 6, dropped.Add);
        Assert.Equal([0, 1], dropped);
        Assert.Equal(6, queue.Count);
    }
}
