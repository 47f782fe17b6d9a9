using Microsoft.Extensions.Time.Testing;
using StreamDiff.Bench.Load;

namespace StreamDiff.Bench.Tests;

public sealed class OpenLoopTests
{
    private static readonly TimeSpan[] EveryTenMilliseconds = [.. Enumerable.Range(0, 20).Select(i => TimeSpan.FromMilliseconds(10 * i))];

    [Fact]
    public async Task Run_ClockAdvances_OffersWhatIsDueAndNothingElse()
    {
        var time = new TimerCount();
        var offered = 0;
        var run = OpenLoop.RunAsync(EveryTenMilliseconds, time, _ => Interlocked.Increment(ref offered), CancellationToken.None);
        for (var due = 1; due < EveryTenMilliseconds.Length; due++)
        {
            Assert.True(SpinWait.SpinUntil(() => time.Timers == due, TimeSpan.FromSeconds(20)), $"{time.Timers} timers, {due} due");
            Assert.Equal(due, Volatile.Read(ref offered));
            time.Advance(TimeSpan.FromMilliseconds(10));
        }
        var late = await run;
        Assert.Equal(EveryTenMilliseconds.Length, offered);
        Assert.All(late, l => Assert.Equal(TimeSpan.Zero, l));
    }

    [Fact]
    public async Task Run_OfferTakesLong_LeavesNoArrivalOut()
    {
        var time = new FakeTimeProvider();
        var numbers = new List<int>();
        // The first one takes as long as all others together: they still come, late, and count from when they were due.
        var late = await OpenLoop.RunAsync(EveryTenMilliseconds, time, i =>
        {
            numbers.Add(i);
            if (i == 0)
                time.Advance(TimeSpan.FromMilliseconds(200));
        }, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 20), numbers);
        Assert.Equal([0, .. Enumerable.Range(1, 19).Select(i => 200 - 10 * i)], late.Select(l => (int)l.TotalMilliseconds));
    }

    [Fact]
    public async Task Run_Cancelled_Ends()
    {
        using var cancel = new CancellationTokenSource();
        var run = OpenLoop.RunAsync(EveryTenMilliseconds, new FakeTimeProvider(), _ => { }, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }

    // The clock may go on only when the loop has begun to wait for it.
    private sealed class TimerCount : FakeTimeProvider
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }
}
