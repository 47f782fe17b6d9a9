using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Live;

public sealed class SoundDelayTests
{
    private const int Block = 1024;
    private readonly SoundDelay _delay = new();
    private readonly List<float> _heard = [];

    [Fact]
    public void Sound_WithItsDelay_ComesOutAtItsPlaceWithoutGap()
    {
        for (var i = 0; i < 100; i++)
        {
            _delay.Add(Ones(i), Place(i) + TimeSpan.FromMilliseconds(300));
            Take(Place(i));
        }
        Take(Place(100));
        Assert.Equal(14_400, _heard.IndexOf(1), 1.0);
        Assert.DoesNotContain(0, _heard.Skip(14_400));
    }

    [Fact]
    public void Sound_WithWanderingTimes_RunsOnAndStaysWithinTheTolerance()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            _delay.Add(Ones(i), Place(i) + TimeSpan.FromMilliseconds(300 + random.Next(-15, 16)));
            Take(Place(i));
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
                _delay.Add(Ones(i), Place(i) + TimeSpan.FromMilliseconds(200));
            Take(Place(i));
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
            Take(Place(i) + TimeSpan.FromMilliseconds(80));
            _delay.Add(Ones(i), Place(i));
        }
        Assert.InRange(_delay.Hold.TotalMilliseconds, 80, 130);
        Assert.DoesNotContain(0, _heard.Skip(_heard.Count / 2));
    }

    [Fact]
    public void Sound_OfAnotherTimeAltogether_DoesNoHarm()
    {
        _delay.Add(Ones(0), TimeSpan.FromHours(-3));
        _delay.Add(Ones(1), TimeSpan.FromHours(3));
        Take(TimeSpan.FromSeconds(1));
        Assert.All(_heard, v => Assert.Equal(0, v));
        Assert.InRange(_delay.Hold.TotalMilliseconds, 0, 50);
    }

    private static TimeSpan Place(int block) => TimeSpan.FromSeconds((double)block * Block / SoundBlock.Rate);

    private static SoundBlock Ones(int block) => new(block * Block, [.. Enumerable.Repeat(1f, Block * SoundBlock.Channels)]);

    private void Take(TimeSpan until)
    {
        if (_delay.Take(until) is not { } block)
            return;
        Assert.Equal(_heard.Count, block.Position);
        for (var i = 0; i < block.Count; i++)
            _heard.Add(block.Samples[2 * i]);
    }
}
