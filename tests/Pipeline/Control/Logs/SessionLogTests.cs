using CsCheck;
using MessagePack;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Scheduling.Batching;

namespace StreamDiff.Pipeline.Tests.Control.Logs;

public sealed class SessionLogTests
{
    internal static readonly SessionLogHeader Header = new()
    {
        Model = "tiny",
        Weights = "abc",
        Prompt = "in the style of \"ü\"",
        Steps = 2,
        Width = 96,
        Height = 64,
        Fit = "crop",
        Fps = "",
        Seed = -3,
        Mode = "StreamBatch",
        Rope = "Relative",
        NoiseScale = 0.8,
        WindowFrames = 6,
        SinkFrames = 3,
        SinkThreshold = -1,
        Vae = "taehv",
        Device = "cpu",
        Type = "float32",
        Threads = 1,
        IsLive = true,
        Input = "test:scene",
        Machine = "x",
    };

    private static readonly AppliedChange[] Changes = [new(new PromptChange("neon", 8, BlendKind.Spherical), 1, 5),
        new(new NoiseScaleChange(0.1 + 0.2), 1, 5), new(new PauseChange(true), 3, 13)];
    private static readonly LoggedChunk[] Chunks = [new(0, [0, 1, 2, 3, 4], UInt128.MaxValue - 5), new(1, [5, 6, 8, 10], 7),
        new(2, [12], 0)];

    private static readonly LoggedRow[][] Ticks = [[new(0, 0)], [new(0, 1)], [new(1, 0)], [new(2, 0), new(1, 1)]];

    [Fact]
    public void Read_Written_IsTheSame()
    {
        using var folder = new TestFolder();
        var log = SessionLog.Read(Write(folder));
        Assert.Equal(Header, log.Header);
        Assert.Equal(Changes, log.Changes);
        Assert.Equal(Chunks.Select(Text), log.Chunks.Select(Text));
        Assert.Equal(Ticks, log.Ticks);
        Assert.Equal(new LoggedEnd(3, 10, true), log.End);
        Assert.Null(log.Warning);
        Assert.Equal(new TimelineEntry(new TimelinePoint(Chunk: 3), new PauseChange(true)), log.ToTimeline().Entries[^1]);
    }

    [Fact]
    public void Read_CutOffAnywhere_GivesWhatWasWrittenWhole()
    {
        using var folder = new TestFolder();
        var bytes = File.ReadAllBytes(Write(folder));
        var whole = SessionLogReader.Read(bytes, "log");
        var (records, refused) = (0, 0);
        for (var length = 0; length < bytes.Length; length++)
        {
            try
            {
                var log = SessionLogReader.Read(bytes.AsMemory(0, length), "log");
                Assert.NotNull(log.Warning);
                Assert.Null(log.End);
                Assert.Equal(whole.Changes.Take(log.Changes.Count), log.Changes);
                Assert.InRange(log.Changes.Count + log.Chunks.Count, records, records + 1);
                records = log.Changes.Count + log.Chunks.Count;
            }
            catch (ControlException)
            {
                Assert.Equal(0, records);
                refused++;
            }
        }
        Assert.Equal(6, records);
        Assert.InRange(refused, 100, 1000);
    }

    [Fact]
    public void Read_WhileItIsWritten_HasEverythingSoFar()
    {
        using var folder = new TestFolder();
        using var writer = SessionLogWriter.Create(folder.File("log"), Header);
        writer.Write(Changes[0]);
        Assert.Single(SessionLog.Read(folder.File("log")).Changes);
        writer.Write(Chunks[0]);
        var log = SessionLog.Read(folder.File("log"));
        Assert.Single(log.Chunks);
        Assert.Contains("has no end", log.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnyByteChanged_IsReadOrRefusedInOneLine()
    {
        using var folder = new TestFolder();
        var bytes = File.ReadAllBytes(Write(folder));
        Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Byte).Sample((at, value) =>
        {
            var damaged = (byte[])bytes.Clone();
            damaged[at] = value;
            ReadOrRefuse(damaged);
        }, iter: 3000);
        // The head of a text whose length is in the next four bytes: often beyond 2^31.
        for (var at = 0; at < bytes.Length; at++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[at] = MessagePackCode.Str32;
            ReadOrRefuse(damaged);
        }
        Gen.Byte.Array[0, 200].Sample(ReadOrRefuse, iter: 2000);
        Gen.Byte.Array[0, 200].Sample(garbage => ReadOrRefuse([.. bytes, .. garbage]), iter: 2000);
    }

    [Theory]
    [InlineData("missing", "does not exist")]
    [InlineData("empty", "is no session log of streamdiff")]
    [InlineData("text", "is no session log of streamdiff")]
    [InlineData("newer", "has format 3, this program reads format 2")]
    [InlineData("folder", "is a folder, not a file")]
    public void Read_NoLog_SaysSo(string kind, string reason)
    {
        using var folder = new TestFolder();
        var path = folder.File("log");
        switch (kind)
        {
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "text":
                File.WriteAllText(path, "at 00:12 noise 0.4\n");
                break;
            case "newer":
                Write(folder);
                var bytes = File.ReadAllBytes(path);
                // The version follows the array's head and the name's head and letters.
                bytes[2 + SessionLogReader.Magic.Length] = 3;
                File.WriteAllBytes(path, bytes);
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            default:
                break;
        }
        Assert.Contains(reason, Assert.Throws<ControlException>(() => SessionLog.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_WhereNothingCanBeWritten_SaysSo()
    {
        foreach (var path in (string[])["/nowhere/log", "/dev/full"])
            Assert.StartsWith($"session log {path} cannot be written",
                Assert.Throws<ControlException>(() => SessionLogWriter.Create(path, Header)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Recording_RingLostOnTheWay_RepeatsTheTicksThatCounted()
    {
        // Chunks 1 and 2 were under way when the ring went, and began again.
        LoggedRow[][] ticks = [[new(0, 0)], [new(0, 1)], [new(1, 0)], [new(2, 0), new(1, 1)], [new(1, 0)], [new(2, 0)],
            [new(1, 1), new(2, 1)]];
        var recording = new Recording(Chunks, ticks, isWhole: false);
        Assert.Equal([0L, 1, 2, 3, 4, 5, 6, 8, 10, 12], recording.Frames);
        LoggedRow[][] expected = [[new(0, 0)], [new(0, 1)], [new(1, 0)], [new(2, 0)], [new(1, 1), new(2, 1)]];
        foreach (var tick in expected)
        {
            // One row of them is not ready yet: it waits for it.
            if (tick.Length > 1)
                Assert.Empty(recording.Next(View(tick[0])).Rows);
            Assert.Equal(tick.Length, recording.Next(View([.. tick, new(9, 0)])).Rows.Count);
        }

        static SchedulerView View(params LoggedRow[] ready) => new(
            TimeSpan.Zero,
            [new StreamView(1, [.. ready.Select(r => new RowView(r.Chunk, r.Step, 1, 1, default, default, 0, 16))], 0, 2, new(), default,
                0)], 8);
    }

    [Fact]
    public void Recording_TickThatCannotBe_IsPassedOverWhenNothingElseChanges()
    {
        // The third step of chunk 0, which has two.
        LoggedRow[][] ticks = [[new(0, 0)], [new(0, 2), new(0, 1)], [new(1, 0)]];
        var recording = new Recording(Chunks, ticks, isWhole: false);
        Assert.Single(recording.Next(View(new LoggedRow(0, 0))).Rows);
        Assert.Empty(recording.Next(View(new LoggedRow(0, 1))).Rows);
        recording.IsAtRest = true;
        Assert.Empty(recording.Next(View()).Rows);
        Assert.Equal([(1, 0)], recording.Next(View(new LoggedRow(0, 1))).Rows);
        recording.IsAtRest = false;
        Assert.Equal([(1, 0)], recording.Next(View(new LoggedRow(1, 0))).Rows);

        static SchedulerView View(params LoggedRow[] ready) => new(
            TimeSpan.Zero, [new StreamView(1, [.. ready.Select(Row)], 0, 2, new(), default, 0)], 8);

        static RowView Row(LoggedRow row) => new(row.Chunk, row.Step, 1, 1, default, default, 0, 16);
    }

    [Fact]
    public void Recording_SourceHoldsFewerChunks_LeavesOutTheirRows()
    {
        var recording = new Recording(Chunks, Ticks, isWhole: false);
        recording.End(2);
        foreach (var row in (LoggedRow[])[new(0, 0), new(0, 1), new(1, 0), new(1, 1)])
            Assert.Single(recording.Next(new SchedulerView(
                TimeSpan.Zero,
                [new StreamView(1, [new RowView(row.Chunk, row.Step, 1, 1, default, default, 0, 16)], 0, 2, new(), default, 0)], 8)).Rows);
    }

    private static string Text(LoggedChunk c) => $"{c.Chunk}: {string.Join(',', c.Sources)} {c.Digest}";

    private static void ReadOrRefuse(byte[] bytes)
    {
        try
        {
            _ = SessionLogReader.Read(bytes, "log");
        }
        catch (ControlException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    }

    private static string Write(TestFolder folder)
    {
        var path = folder.File("log");
        using var writer = SessionLogWriter.Create(path, Header);
        foreach (var tick in Ticks)
            writer.Write(tick);
        writer.Write(Chunks[0]);
        writer.Write(Changes[0]);
        writer.Write(Changes[1]);
        writer.Write(Chunks[1]);
        writer.Write(Changes[2]);
        writer.Write(Chunks[2]);
        writer.End(cancelled: true);
        return path;
    }
}
