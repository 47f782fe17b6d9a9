using CsCheck;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Batching;

public sealed class BatchPolicyTests
{
    private const int Tokens = 240;
    private static readonly LatencyTerms Cpu = new(0.001, 1e-4, 0, 0, 0);
    private static readonly LatencyTerms Gpu = new(0.030, 1e-5, 0, 0, 0);
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(100);

    // Streams with chunks at falling steps, as lanes have them.
    private static readonly Gen<SchedulerView> Views =
        from counts in Gen.Int[0, 4].Array[1, 6]
        from deadlines in Gen.Int[-500, 2000].Array[24]
        from served in Gen.Double[0, 1000].Array[6]
        from waiting in Gen.Int[0, 4].Array[6]
        from lanes in Gen.Int[1, 8]
        select new SchedulerView(
            Now, [.. counts.Select((count, stream) => Stream(stream, count, deadlines, served[stream], waiting[stream]))], lanes);

    public static TheoryData<string> Names => [.. BatchPolicies.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Next_Always_ChoosesReadyRowsOnceAndNoMoreThanFit(string name) => Views.Sample(view =>
    {
        var decision = Policy(name, Gpu).Next(view);
        Assert.True(decision.Rows.Count <= view.MaxLanes);
        Assert.Equal(decision.Rows.Count, decision.Rows.Distinct().Count());
        Assert.All(decision.Rows, r => Assert.InRange(r.Row, 0, view.Streams[r.Stream].Ready.Count - 1));
        Assert.All(decision.ChunkFrames, c => Assert.InRange(c.Value, 0, Math.Max(view.Streams[c.Key].Waiting, 1)));
        Assert.Single(decision.Rows.Select(r => view.Streams[r.Stream].Ready[r.Row].Frames).Append(1).Distinct());
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Next_SameView_SameDecision(string name) => Views.Sample(view =>
        Assert.Equal(Policy(name, Cpu).Next(view).Rows, Policy(name, Cpu).Next(view).Rows));

    [Fact]
    public void Deadline_SomethingReady_NeverWaits() => Views.Where(v => v.Streams.Any(s => s.Ready.Count > 0)).Sample(view =>
        Assert.NotEmpty(Policy("deadline", Cpu).Next(view).Rows));

    [Fact]
    public void Deadline_EarlierDeadlineThatCanBeKept_IsNeverServedLater() => Views.Sample(view =>
    {
        var policy = Policy("deadline", Cpu);
        foreach (var (stream, row) in policy.Next(view).Rows)
        {
            var before = view.Streams[stream].Ready[row];
            var needed = Now + before.StepsLeft * TimeSpan.FromSeconds(Cpu.Of(new TickShape(1, 1, Tokens, 4)));
            var earlier = before with { Deadline = before.Deadline - TimeSpan.FromMilliseconds(20) };
            if (earlier.Deadline < needed)
                continue;
            Assert.Contains((stream, row), policy.Next(With(view, stream, row, earlier)).Rows);
        }
    });

    [Fact]
    public void Deadline_RowsThatCostAsMuchTogether_RunAlone() =>
        Assert.Single(Policy("deadline", Cpu).Next(new SchedulerView(Now, [Stream(0, 3, Late(2000), 0, 0)], 8)).Rows);

    [Fact]
    public void Deadline_RowsThatAreCheapTogether_RunTogether() =>
        Assert.Equal(3, Policy("deadline", Gpu).Next(new SchedulerView(Now, [Stream(0, 3, Late(2000), 0, 0)], 8)).Rows.Count);

    [Fact]
    public void Deadline_CompanyThatWouldMakeTheUrgentRowLate_IsNotTaken()
    {
        // One row takes 32.4 ms, two 34.8; the deadline lies between.
        var urgent = new StreamView(
            0, [new RowView(5, 1, 1, 1, Now, Now + TimeSpan.FromMilliseconds(33.5), 4, Tokens)], 0, 2, new SessionSlo(), TimeSpan.Zero, 0);
        var other = Stream(1, 1, Late(2000), 0, 0);
        Assert.Equal([(0, 0)], Policy("deadline", Gpu).Next(new SchedulerView(Now, [urgent, other], 8)).Rows);
    }

    [Fact]
    public void Deadline_StreamThatIsLateAndHadLeast_GoesFirst()
    {
        var late = Stream(0, 1, Late(-300), served: 10, waiting: 0);
        var fine = Stream(1, 1, Late(2000), served: 500, waiting: 0);
        Assert.Equal(0, Policy("deadline", Cpu).Next(new SchedulerView(Now, [late, fine], 8)).Rows[0].Stream);
        // The other way round it has had its share.
        Assert.Equal(1, Policy("deadline", Cpu).Next(new SchedulerView(Now, [late with { Served = 900 }, fine], 8)).Rows[0].Stream);
    }

    [Fact]
    public void Deadline_ChunksGrow_OnlyBehindAndOnlyWhereThatIsFaster()
    {
        Assert.Empty(Policy("deadline", Cpu).Next(new SchedulerView(Now, [Stream(0, 1, Late(2000), 0, waiting: 3)], 8)).ChunkFrames);
        Assert.Empty(Policy("deadline", Gpu).Next(new SchedulerView(Now, [Stream(0, 1, Late(2000), 0, waiting: 1)], 8)).ChunkFrames);
        Assert.Equal(2, Policy("deadline", Gpu).Next(new SchedulerView(Now, [Stream(0, 1, Late(2000), 0, waiting: 3)], 8)).ChunkFrames[0]);
    }

    [Fact]
    public void StreamBatch_ChunkInFlight_WaitsForTheNextOneUnlessItIsTheFirst()
    {
        var halfway = new StreamView(
            0, [new RowView(7, 1, 1, 1, Now, Now + TimeSpan.FromSeconds(1), 4, Tokens)], 0, 2, new SessionSlo(), TimeSpan.Zero, 0);
        var waits = new FixedStreamBatch().Next(new SchedulerView(Now, [halfway], 8));
        Assert.Empty(waits.Rows);
        Assert.Null(waits.WaitUntil);
        Assert.Equal([(0, 0)], new FixedStreamBatch().Next(new SchedulerView(Now, [halfway with { IsDraining = true }], 8)).Rows);
        var first = halfway with { Ready = [halfway.Ready[0] with { Chunk = 0 }] };
        Assert.Equal([(0, 0)], new FixedStreamBatch().Next(new SchedulerView(Now, [first], 8)).Rows);
    }

    [Fact]
    public void Deadline_SoMuchInFlightThatAChunkCouldNotBeInTime_LetsItWait()
    {
        var busy = Enumerable.Range(0, 20).Select(i => Stream(i, 1, [.. Enumerable.Repeat(2000, 96)], 0, waiting: 1)).ToArray();
        Assert.All(Policy("deadline", Cpu).Next(new SchedulerView(Now, busy, 8)).ChunkFrames, c => Assert.Equal(0, c.Value));
    }

    private static int[] Late(int milliseconds) => [.. Enumerable.Repeat(milliseconds, 24)];

    private static SchedulerView With(SchedulerView view, int stream, int row, RowView changed)
    {
        var ready = view.Streams[stream].Ready.ToArray();
        ready[row] = changed;
        var streams = view.Streams.ToArray();
        streams[stream] = streams[stream] with { Ready = ready };
        return view with { Streams = streams };
    }

    private static StreamView Stream(int stream, int count, int[] deadlines, double served, int waiting) => new(
        stream,
        [.. Enumerable.Range(0, count).Select(i => new RowView(10 + i, count - 1 - i, 4 - (count - 1 - i), 1,
            Now - TimeSpan.FromMilliseconds(100 - i), Now + TimeSpan.FromMilliseconds(deadlines[4 * stream + i]), 4, Tokens))],
        waiting, 4, new SessionSlo { Deadline = TimeSpan.FromSeconds(2) }, TimeSpan.Zero, served, Tokens, 4);

    private static IBatchPolicy Policy(string name, LatencyTerms terms) =>
        BatchPolicies.All.Single(p => p.Name == name).Make(new LatencyModel(terms));
}
