using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Live;

/// <summary>Frames at odd times in, a constant rate out; time is a number here.</summary>
public sealed class OutputPacerTests : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1 / 30.0);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);

    private readonly FramePool _pool = new();
    private readonly OutputPacer _pacer = new(new Rational(30, 1));
    private readonly List<(long Number, bool IsNew, TimeSpan At, int Mark)> _sent = [];
    private TimeSpan _now = TimeSpan.FromSeconds(1);

    public void Dispose()
    {
        _pacer.Dispose();
        Assert.Equal(0, _pool.Outstanding);
        _pool.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(29)]
    public void Pictures_AtTheOutputsRate_PassOnceEachWithoutWaiting(int phase)
    {
        RunUntil(_now + TimeSpan.FromMilliseconds(phase));
        Feed(200, Period, jitter: 0);
        var settled = _sent.Where(s => s.IsNew).Skip(40).ToArray();
        Assert.InRange(settled.Length, 155, 160);
        Assert.Equal(settled.Length, settled.Select(s => s.Mark).Distinct().Count());
        Assert.All(settled, s => Assert.InRange((s.At - Taken(s.Mark)).TotalMilliseconds, 0, 2));
        Assert.All(_sent.Skip(45).SkipLast(3), s => Assert.True(s.IsNew));
    }

    [Fact]
    public void Pictures_WithJitterBelowAQuarterPeriod_AreNeitherRepeatedNorDropped()
    {
        Feed(300, Period, jitter: 7);
        Assert.All(_sent.Skip(45).SkipLast(3), s => Assert.True(s.IsNew));
        Assert.InRange(_pacer.Dropped, 0, 2);
    }

    [Fact]
    public void Numbers_Always_RunOnWithoutGap()
    {
        Feed(50, Period, jitter: 10);
        RunUntil(_now + TimeSpan.FromSeconds(2));
        Feed(50, Period * 1.7, jitter: 20);
        Assert.Equal(Enumerable.Range(0, _sent.Count).Select(n => (long)n), _sent.Select(s => s.Number));
        Assert.InRange(_sent.Count, (_now - _sent[0].At) / Period - 2, (_now - _sent[0].At) / Period + 2);
    }

    [Fact]
    public void Pictures_TwiceAsFast_AreHalved()
    {
        Feed(400, Period / 2, jitter: 0);
        Assert.InRange(_sent.Count(s => s.IsNew), 195, 202);
        Assert.InRange(_pacer.Dropped, 190, 205);
    }

    [Fact]
    public void Pictures_HalfAsFast_AreShownTwice()
    {
        Feed(100, Period * 2, jitter: 0);
        Assert.Equal(100, _sent.Count(s => s.IsNew));
        Assert.InRange(_pacer.Repeated, 95, 105);
    }

    [Fact]
    public void Pictures_InChunksOfFour_AreSpreadEvenly()
    {
        // Four frames leave the model together, 250 ms after the last of them was taken.
        for (var chunk = 0; chunk < 60; chunk++)
        {
            RunUntil(_now + (4 * Period));
            for (var i = 0; i < 4; i++)
                Offer(chunk * 4 + i, _now - TimeSpan.FromMilliseconds(250) - ((3 - i) * Period));
        }
        var steps = _sent.Where(s => s.IsNew).Skip(80).ToArray();
        Assert.All(steps.Zip(steps.Skip(1)), pair => Assert.InRange((pair.Second.At - pair.First.At).TotalMilliseconds, 20, 47));
        Assert.Equal(steps.Length, steps[^1].Mark - steps[0].Mark + 1);
    }

    [Fact]
    public void Pictures_ThatComeJustBeforeTheirPlaces_GetThemEarlier()
    {
        // The places are laid out by late frames; then the source is punctual.
        for (var i = 0; i < 31; i++)
        {
            RunUntil(TimeSpan.FromSeconds(1) + (i * Period) + TimeSpan.FromMilliseconds(16));
            Offer(i, _now);
        }
        for (var i = 31; i < 300; i++)
        {
            RunUntil(TimeSpan.FromSeconds(1) + (i * Period) - TimeSpan.FromMilliseconds(14));
            Offer(i, _now);
        }
        Assert.All(_sent.Where(s => s.IsNew).TakeLast(100), s => Assert.InRange((s.At - Taken(s.Mark)).TotalMilliseconds, 0, 3));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(25)]
    [InlineData(31)]
    public void Pictures_AfterOneThatCameLate_DoNotWaitForEver(int late)
    {
        // The late one takes the next place, and all that follow would wait for the one after theirs.
        for (var i = 0; i < 1200; i++)
        {
            RunUntil(TimeSpan.FromSeconds(1) + (i * Period) + TimeSpan.FromMilliseconds(i is 20 or 45 or 400 or 700 ? late : 0));
            Offer(i, TimeSpan.FromSeconds(1) + (i * Period));
        }
        foreach (var from in new[] { 200, 600, 900 })
            Assert.All(_sent.Where(s => s.IsNew && s.Mark >= from && s.Mark < from + 90),
                s => Assert.InRange((s.At - Taken(s.Mark)).TotalMilliseconds, 0, 3));
        // One place is shown twice, and one frame left out to get it back.
        Assert.InRange(_pacer.Dropped, 0, 4);
        Assert.InRange(_pacer.Repeated, 0, 12);
    }

    [Theory]
    [InlineData(120, 120)]
    [InlineData(1500, 250)]
    [InlineData(250, 900)]
    public void Lag_Always_IsTheFramesWayToTheirTimeInTheOutput(int before, int after)
    {
        // Chunks of four, as a model gives them; it becomes faster or slower on the way.
        var off = new List<double>();
        for (var chunk = 0; chunk < 120; chunk++)
        {
            RunUntil(_now + (4 * Period));
            for (var i = 0; i < 4; i++)
                Offer(chunk * 4 + i, _now - TimeSpan.FromMilliseconds(chunk < 3 ? before : after) - ((3 - i) * Period));
            foreach (var (number, _, _, mark) in _sent.Where(s => s.IsNew).TakeLast(1))
                off.Add((_pacer.Lag!.Value - (Period * number - Taken(mark))).TotalMilliseconds);
        }
        // From the very beginning, and again as soon as a few frames say that the other delay is no accident.
        Assert.All(off.Take(3).Concat(off.Skip(5)), o => Assert.InRange(o, -40, 40));
    }

    [Fact]
    public void Delay_OfASlowBeginning_IsForgottenWithinTwentySeconds()
    {
        for (var i = 0; i < 600; i++)
        {
            RunUntil(_now + Period);
            Offer(i, _now - TimeSpan.FromMilliseconds(i < 5 ? 2700 : 300));
        }
        Assert.InRange(_pacer.Latency(0.05).TotalMilliseconds, 290, 350);
    }

    [Fact]
    public void Restart_FramesOfTheOldSource_AreGivenBackAndNotMeasured()
    {
        for (var i = 0; i < 20; i++)
            Offer(i, _now - TimeSpan.FromSeconds(20) + (i * Period));
        _pacer.Restart();
        Assert.True(_pacer.IsEmpty);
        Assert.Null(_pacer.Lag);
        var sent = _sent.Count;
        Feed(60, Period, jitter: 0);
        Assert.InRange(_sent.Skip(sent).Count(s => s.IsNew), 55, 60);
    }

    private readonly Dictionary<int, TimeSpan> _taken = [];

    private TimeSpan Taken(int mark) => _taken[mark];

    private void Feed(int count, TimeSpan period, int jitter)
    {
        var random = new Random(5);
        var start = _now;
        for (var i = 0; i < count; i++)
        {
            var taken = start + (i * period);
            RunUntil(taken + TimeSpan.FromMilliseconds(random.Next(jitter + 1)));
            Offer(i, taken);
        }
        RunUntil(_now + Period);
    }

    private void Offer(int mark, TimeSpan taken)
    {
        var frame = VideoFrame.Rent(_pool, 2, 2);
        frame.Index = mark;
        _taken[mark] = taken;
        _pacer.Offer(new SharedFrame(frame), taken, _now);
        Drain();
    }

    private void RunUntil(TimeSpan time)
    {
        while (_now < time)
        {
            _now += Step < time - _now ? Step : time - _now;
            Drain();
        }
    }

    private void Drain()
    {
        while (_pacer.Next(_now) is { Number: { } number } pace)
        {
            using (pace.Frame)
                _sent.Add((number, pace.IsNew, _now, (int)(pace.Frame?.Frame.Index ?? -1)));
        }
    }
}
