using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Slo;

public sealed class DeadlineLedgerTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(100);

    [Fact]
    public void Record_LateFrame_BlamesTheStageThatTookMostBeyondItsUsualTime()
    {
        var ledger = new DeadlineLedger();
        Assert.True(ledger.Record(Deadline, Stages(40, 5, 20, 5)));
        // Collecting takes longest, as always; the decoder is what was slow.
        Assert.False(ledger.Record(Deadline, Stages(41, 5, 25, 60)));
        Assert.Equal((1, 1), (ledger.Met, ledger.Missed));
        Assert.Equal(1, ledger.MissedIn(FrameStage.Decode));
        Assert.Equal(0, ledger.MissedIn(FrameStage.Collect));
    }

    [Fact]
    public void MissRate_DroppedAndLate_CountAlike()
    {
        var ledger = new DeadlineLedger();
        Assert.Equal(0, ledger.MissRate);
        ledger.Record(Deadline, Stages(40, 5, 20, 5));
        ledger.Record(Deadline, Stages(40, 5, 200, 5));
        ledger.Drop(2);
        Assert.Equal(0.75, ledger.MissRate);
    }

    private static TimeSpan[] Stages(params int[] milliseconds) => [.. milliseconds.Select(m => TimeSpan.FromMilliseconds(m))];
}
