using Microsoft.Extensions.Time.Testing;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Transport.Tests.Media.Browser;

/// <summary>One encoder, many viewers, none of whom waits for another.</summary>
public sealed class PacketRelayTests
{
    private static readonly StreamFormat Format = new("avc1.42E01F", 64, 64, 30, null);
    private readonly FakeTimeProvider _time = new();
    private readonly PacketRelay _relay;

    public PacketRelayTests() => _relay = new PacketRelay(_time);

    [Fact]
    public async Task Viewer_WhoComesLate_BeginsWithFormatAndKeyFrame_WhichTheEncoderIsAskedFor()
    {
        _relay.Begin(Format);
        Assert.True(_relay.TakesKey());
        Send(0, PacketKind.Key);
        Send(1);
        Assert.False(_relay.TakesKey());
        using var late = _relay.Join();
        Send(2);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_relay.TakesKey());
        Send(3, PacketKind.Key);
        Send(4);
        _relay.End();
        Assert.Equal(["format", "Key 3", "Delta 4"], await All(late));
    }

    [Fact]
    public async Task Viewer_WhoIsTooSlow_GoesOnAtTheNextKeyFrame_AndNobodyElseMissesAFrame()
    {
        _relay.Begin(Format);
        using var slow = _relay.Join();
        using var other = _relay.Join();
        var seen = new List<string>();
        for (var i = 0; i < 40; i++)
        {
            Send(i, i is 0 or 35 ? PacketKind.Key : PacketKind.Delta);
            seen.AddRange(await Waiting(other, i == 0 ? 2 : 1));
        }

        _relay.End();
        Assert.Equal(["format", "Key 0", .. Enumerable.Range(1, 39).Select(i => $"{(i == 35 ? "Key" : "Delta")} {i}")], seen);
        Assert.Equal(["format", "Key 35", "Delta 36", "Delta 37", "Delta 38", "Delta 39"], await All(slow));
        Assert.Equal(35, slow.Skipped);
        Assert.Equal(0, other.Skipped);
    }

    [Fact]
    public async Task Output_ThatStandsStill_CostsNobodyAKeyFrame_UntilItTakesSomethingAgain()
    {
        _relay.Begin(Format);
        using var still = _relay.Join(ReaderLimits.Output, isUrgent: true);
        Assert.True(_relay.TakesKey());
        for (var i = 0; i < 300; i++)
        {
            Send(i, i is 0 ? PacketKind.Key : PacketKind.Delta);
            _time.Advance(TimeSpan.FromMilliseconds(33));
            Assert.False(_relay.TakesKey());
        }

        var next = still.ReadAsync(default).AsTask();
        Assert.Equal("format", Text((await next)!.Value));
        next = still.ReadAsync(default).AsTask();
        Assert.True(_relay.TakesKey());
        Send(300, PacketKind.Key);
        Assert.Equal("Key 300", Text((await next)!.Value));
        Assert.Equal(300, still.Skipped);
    }

    [Fact]
    public void Output_ThatIsOpened_GetsItsKeyFrameAtOnce()
    {
        _relay.Begin(Format);
        using var first = _relay.Join();
        Assert.True(_relay.TakesKey());
        Send(0, PacketKind.Key);
        using var viewer = _relay.Join();
        Assert.False(_relay.TakesKey());
        using var output = _relay.Join(ReaderLimits.Output, isUrgent: true);
        Assert.True(_relay.TakesKey());
    }

    [Fact]
    public void KeyFrames_ThatASlowViewerAsksForAllTheTime_AreAtMostTwoASecond()
    {
        _relay.Begin(Format);
        var keys = 0;
        for (var i = 0; i < 300; i++)
        {
            _relay.AskForKey();
            var isKey = _relay.TakesKey();
            keys += isKey ? 1 : 0;
            Send(i, isKey ? PacketKind.Key : PacketKind.Delta);
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.Equal(6, keys);
    }

    [Fact]
    public void KeyFrames_ThatViewersAskFor_AreFewerWhereOutputsHaveThemToo_ButForOneWhoComes()
    {
        _relay.Begin(Format);
        var keys = 0;
        for (var i = 0; i < 300; i++)
        {
            _relay.AskForKey();
            keys += Key(i) ? 1 : 0;
        }

        Assert.Equal(2, keys);
        using var late = _relay.Join();
        Assert.True(Key(300));

        bool Key(int number)
        {
            var isKey = _relay.TakesKey(isSparing: true);
            Send(number, isKey ? PacketKind.Key : PacketKind.Delta);
            _time.Advance(TimeSpan.FromMilliseconds(10));
            return isKey;
        }
    }

    [Fact]
    public async Task Sound_ThatIsThereBeforeItsPictures_IsNotLost()
    {
        _relay.Begin(Format);
        using var output = _relay.Join(ReaderLimits.Output);
        // The encoder of pictures holds five back.
        for (var i = 0; i < 15; i++)
        {
            Send(i, PacketKind.Sound);
            if (i >= 5)
            {
                Send(i - 5, i == 7 ? PacketKind.Key : PacketKind.Delta);
            }
        }

        _relay.End();
        var all = await All(output);
        Assert.Equal(["format", "Key 2", .. Enumerable.Range(2, 6).Select(i => $"Sound {i}")], all[..8]);
        Assert.Equal(13, all.Count(i => i.StartsWith("Sound", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Output_WhoseEncoderHoldsPicturesBack_IsNotTooSlowForTheSoundThatIsAheadOfThem()
    {
        _relay.Begin(Format);
        using var output = _relay.Join(ReaderLimits.Output);
        for (var i = 0; i < 60; i++)
        {
            Send(i, PacketKind.Sound);
        }

        for (var i = 0; i < 25; i++)
        {
            Send(i, i == 0 ? PacketKind.Key : PacketKind.Delta);
        }

        _relay.End();
        Assert.Equal(1 + 60 + 25, (await All(output)).Count);
        Assert.Equal(0, output.Skipped);
    }

    [Fact]
    public async Task Output_AtTheEnd_GetsAllThatTheEncoderGivesAtOnce()
    {
        _relay.Begin(Format);
        using var output = _relay.Join(ReaderLimits.Output);
        Send(0, PacketKind.Key);
        _relay.Drain();
        for (var i = 1; i < 100; i++)
        {
            Send(i);
        }

        _relay.End();
        Assert.Equal(1 + 100, (await All(output)).Count);
    }

    [Fact]
    public async Task Sound_WithoutPictures_DoesNotPileUp()
    {
        _relay.Begin(Format);
        using var fresh = _relay.Join(ReaderLimits.Output);
        using var still = _relay.Join(ReaderLimits.Output);
        Send(0, PacketKind.Key);
        Assert.Equal(["format", "Key 0"], await Waiting(fresh, 2));
        for (var i = 0; i < 3000; i++)
        {
            Send(i, PacketKind.Sound);
        }

        Send(3000, PacketKind.Key);
        _relay.End();
        // At most four seconds of it.
        Assert.InRange((await All(still)).Count, 1, 1 + 4 * 30 + 2);
    }

    [Fact]
    public async Task Viewer_AfterTheEnd_IsTold()
    {
        _relay.Begin(Format);
        _relay.End();
        using var viewer = _relay.Join();
        Assert.Null(await viewer.ReadAsync(default));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00000000")]
    [InlineData("00000000000000000000000000000000")]
    [InlineData("0300000000000000000000000000000001")]
    [InlineData("0000010000000000000000000000000001")]
    [InlineData("000000000000000000000000000000ff01")]
    [InlineData("00000000000000000000ffffffffff7f01")]
    public void Packet_ThatIsNone_IsRefused(string hex) =>
        Assert.Throws<MediaException>(() => EncodedPacket.Parse(Convert.FromHexString(hex)));

    [Fact]
    public void Packet_AsMade_IsRead()
    {
        var packet = EncodedPacket.Parse(EncodedPacket.Of(PacketKind.Sound, 123_456_789_012, 20_000, [1, 2, 3]).Message);
        Assert.Equal((PacketKind.Sound, 123_456_789_012, 20_000u), (packet.Kind, packet.Time, packet.Duration));
        Assert.Equal([1, 2, 3], packet.Data.ToArray());
    }

    private void Send(int number, PacketKind kind = PacketKind.Delta)
    {
        using var unit = EncodedUnit.Of(kind, number, new Rational(1, 30), [1]);
        _relay.Send(unit);
    }

    private static async Task<List<string>> Waiting(PacketReader viewer, int count)
    {
        var all = new List<string>();
        for (var i = 0; i < count; i++)
        {
            all.Add(Text((await viewer.ReadAsync(default))!.Value));
        }

        return all;
    }

    private static async Task<List<string>> All(PacketReader viewer)
    {
        var all = new List<string>();
        while (await viewer.ReadAsync(default) is { } item)
        {
            all.Add(Text(item));
        }

        return all;
    }

    private static string Text(RelayItem item) =>
        item.Unit is { } unit ? $"{unit.Kind} {unit.Place}" : "format";
}
