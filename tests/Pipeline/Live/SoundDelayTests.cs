using System.Runtime.CompilerServices;
using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Live;

/// <summary>Sound that is taken at steady times; the output's time begins with it, its frames lie behind by a lag.</summary>
public sealed class SoundDelayTests
{
    private const int Block = 1024;
    private const int FadeSamples = 240;
    private readonly SoundDelay _delay = new();
    private readonly List<float> _heard = [];

    [Fact]
    public void Sound_WithItsLag_ComesOutAtItsPlaceWithoutGap()
    {
        for (var i = 0; i < 100; i++)
        {
            _delay.Add(Ones(i), Time(i));
            Take(Time(i), Lag(300));
        }
        Assert.Equal(14_400, _heard.IndexOf(1), 1.0);
        Assert.DoesNotContain(0, _heard.Skip(14_400));
    }

    [Fact]
    public void Sound_BeforeTheFirstFrameLeaves_WaitsForIt()
    {
        // The first frames need two seconds; what was heard while they were taken belongs to them.
        for (var i = 0; i < 200; i++)
        {
            _delay.Add(Ramp(i), Time(i));
            Take(Time(i), Time(i) < TimeSpan.FromSeconds(2) ? null : Lag(2000));
        }
        var first = _heard.FindIndex(v => v != 0);
        Assert.InRange(first, 95_000, 97_000);
        AssertPlaced(first + FadeSamples, lag: 2000);
    }

    [Theory]
    [InlineData(300, 900)]
    [InlineData(900, 300)]
    public void Lag_Changes_SoundIsBesideItsFramesAtOnce(int before, int after)
    {
        var change = 0;
        for (var i = 0; i < 300; i++)
        {
            change = i == 150 ? _heard.Count : change;
            _delay.Add(Ramp(i), Time(i));
            Take(Time(i), Lag(i < 150 ? before : after));
        }
        AssertPlaced(change - 1, lag: before);
        // Where the frames fall back, silence stands for what was heard already.
        AssertPlaced(after > before ? change + (int)Samples(after - before) + 1 : change + FadeSamples, lag: after);
        Assert.Equal(1, _delay.Jumps);
        var positions = _heard.Where((v, i) => v != 0 && (i < change || i >= change + FadeSamples)).ToArray();
        Assert.All(positions.Zip(positions.Skip(1)), pair => Assert.True(pair.Second > pair.First, "something was heard twice"));
    }

    [Fact]
    public void Lag_Wandering_LeavesTheSoundAlone()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            _delay.Add(Ones(i), Time(i));
            Take(Time(i), Lag(300 + random.Next(-10, 5)));
        }
        Assert.Equal(0, _delay.Jumps);
        Assert.DoesNotContain(0, _heard.SkipWhile(v => v == 0));
    }

    [Fact]
    public void Sound_WithWanderingTimes_RunsOnAndStaysWithinTheTolerance()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            _delay.Add(Ones(i), Time(i) + TimeSpan.FromMilliseconds(random.Next(-15, 16)));
            Take(Time(i), Lag(300));
        }
        Assert.Equal(0, _delay.Jumps);
        Assert.DoesNotContain(0, _heard.SkipWhile(v => v == 0));
    }

    [Fact]
    public void Sound_Missing_IsSilenceOfThatLengthAndThenInPlaceAgain()
    {
        for (var i = 0; i < 150; i++)
        {
            if (i is < 50 or >= 100)
                _delay.Add(Ones(i), Time(i));
            Take(Time(i), Lag(200));
        }
        var first = _heard.IndexOf(1);
        Assert.Equal(50 * Block, _heard.Skip(first).TakeWhile(v => v == 1).Count(), 1.0);
        Assert.Equal(50 * Block, _heard.Skip(first + (50 * Block)).TakeWhile(v => v == 0).Count(), 1.0);
    }

    [Fact]
    public void Sound_ThatComesLate_IsWaitedForAfterThat()
    {
        for (var i = 0; i < 200; i++)
        {
            // Eighty milliseconds after its time.
            Take(Time(i) + TimeSpan.FromMilliseconds(80), Lag(0));
            _delay.Add(Ones(i), Time(i));
        }
        Assert.InRange(_delay.Hold.TotalMilliseconds, 80, 130);
        Assert.DoesNotContain(0, _heard.Skip(_heard.Count / 2));
    }

    [Fact]
    public void Sound_ThatStandsStillOnce_IsSoonNotHeldAnyLonger()
    {
        // 0.9 seconds of nothing, then all of it at once.
        const int Stop = 100, Go = 142;
        var longest = TimeSpan.Zero;
        for (var i = 0; i < 1000; i++)
        {
            if (i is < Stop or > Go)
                _delay.Add(Ones(i), Time(i));
            for (var late = Stop; i == Go && late <= Go; late++)
                _delay.Add(Ones(late), Time(late));
            Take(Time(i), Lag(100));
            longest = _delay.Hold > longest ? _delay.Hold : longest;
        }
        Assert.InRange(longest.TotalMilliseconds, 700, 1000);
        Assert.InRange(_delay.Hold.TotalMilliseconds, 0, 50);
        Assert.DoesNotContain(0, _heard.TakeLast(300 * Block));
        Assert.Equal(0, _delay.Jumps);
    }

    [Fact]
    public void Restart_NewSource_IsHeldAsIfThereHadBeenNoOther()
    {
        for (var i = 0; i < 100; i++)
        {
            Take(Time(i) + TimeSpan.FromMilliseconds(700), Lag(0));
            _delay.Add(Ones(i), Time(i));
        }
        Assert.InRange(_delay.Hold.TotalMilliseconds, 700, 750);
        _delay.Restart();
        Assert.InRange(_delay.Hold.TotalMilliseconds, 0, 50);
        var heard = _heard.Count;
        Take(Time(200), Lag(0));
        Assert.All(_heard.Skip(heard), v => Assert.Equal(0, v));
    }

    [Fact]
    public void Sound_OfAnotherTimeAltogether_DoesNoHarm()
    {
        Take(TimeSpan.FromSeconds(0.5), Lag(0));
        _delay.Add(Ones(0), TimeSpan.FromHours(-3));
        _delay.Add(Ones(1), TimeSpan.FromHours(3));
        Take(TimeSpan.FromSeconds(1), Lag(0));
        Assert.All(_heard, v => Assert.Equal(0, v));
        Assert.InRange(_delay.Hold.TotalMilliseconds, 0, 50);
    }

    [Fact]
    public void Sound_NobodyTakes_IsBounded()
    {
        var samples = new List<WeakReference>();
        Add();
        GC.Collect();
        // Thirty seconds are 1,406 blocks; these were seven minutes.
        Assert.InRange(samples.Count(s => s.IsAlive), 1000, 1500);
        Assert.True(samples[^1].IsAlive);
        GC.KeepAlive(_delay);

        // What it leaves on the stack is gone with it.
        [MethodImpl(MethodImplOptions.NoInlining)]
        void Add()
        {
            for (var i = 0; i < 20_000; i++)
            {
                var block = Ones(i);
                samples.Add(new WeakReference(block.Samples));
                _delay.Add(block, Time(i));
            }
        }
    }

    private static TimeSpan Time(int block) => TimeSpan.FromSeconds((double)block * Block / SoundBlock.Rate);

    private static TimeSpan Lag(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static double Samples(int milliseconds) => milliseconds * (SoundBlock.Rate / 1000.0);

    private static SoundBlock Ones(int block) => new(block * Block, [.. Enumerable.Repeat(1f, Block * SoundBlock.Channels)]);

    // Every sample tells its own place.
    private static SoundBlock Ramp(int block) =>
        new(
            block * Block,
            [.. Enumerable.Range(0, Block * SoundBlock.Channels).Select(i => (float)((block * Block) + (i / SoundBlock.Channels) + 1))]);

    private void AssertPlaced(int at, int lag) => Assert.Equal(at + 1 - Samples(lag), _heard[at], 1.0);

    private void Take(TimeSpan until, TimeSpan? lag)
    {
        if (_delay.Take(until, lag) is not { } block)
            return;
        Assert.Equal(_heard.Count, block.Position);
        for (var i = 0; i < block.Count; i++)
            _heard.Add(block.Samples[2 * i]);
    }
}
