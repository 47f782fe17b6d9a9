using System.Diagnostics;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;

namespace StreamDiff.Cli.Tests.Matrix;

/// <summary>
/// Every feature on every path and on every kind of devices, as a user runs them: the changes of a timeline, logs, replays, deadlines. The
/// same seed gives the same frames everywhere; that each feature changes the frames is shown on one path, and so holds for all.
/// </summary>
public sealed class FeatureMatrixTests(MatrixReference reference) : IClassFixture<MatrixReference>, IDisposable
{
    private const string RanksHere = "cpu,cpu";
    private readonly Streamdiff _streamdiff = new();
    private readonly List<RankProcesses> _ranks = [];

    public void Dispose()
    {
        _ranks.ForEach(r => r.Dispose());
        _streamdiff.Dispose();
    }

    // The one path that is quick: what has taken place in it is replayed where it was taken, and on one device.
    [Fact]
    public void Cell_OfTheCore_EveryFeatureWorks()
    {
        WriteChanges();
        CheckFile(RanksHere);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(MatrixPath.File, MatrixDevices.One)]
    [InlineData(MatrixPath.File, MatrixDevices.RanksHere)]
    [InlineData(MatrixPath.File, MatrixDevices.RankProcesses)]
    [InlineData(MatrixPath.Live, MatrixDevices.One)]
    [InlineData(MatrixPath.Live, MatrixDevices.RanksHere)]
    [InlineData(MatrixPath.Live, MatrixDevices.RankProcesses)]
    [InlineData(MatrixPath.Serve, MatrixDevices.One)]
    [InlineData(MatrixPath.Serve, MatrixDevices.RanksHere)]
    [InlineData(MatrixPath.Serve, MatrixDevices.RankProcesses)]
    public void Cell_OfTheRest_EveryFeatureWorks(MatrixPath path, MatrixDevices devices) => Check(path, devices);

    public static TheoryData<string> EachFeature() => [.. MatrixFeature.All.Select(f => f.Name)];

    [Theory]
    [Trait("Category", "Slow")]
    [MemberData(nameof(EachFeature))]
    public void Feature_LeftOut_OtherFramesFromItsChunkOn(string name)
    {
        var feature = MatrixFeature.All.Single(f => f.Name == name);
        var all = reference.Log.Chunks;
        File.WriteAllLines(_streamdiff.Folder["changes"], MatrixFeature.All.Select(f => f == feature ? f.Instead : f.Line));
        var run = _streamdiff.Run([.. MatrixReference.File, "-o", "null:", "--timeline", "changes", "--log", "take.log"]);
        Assert.True(run.ExitCode == 0, run.Error);
        var without = SessionLog.Read(_streamdiff.Folder["take.log"]).Chunks;
        Assert.Equal(all.Take(feature.Chunk).Select(c => c.Digest), without.Take(feature.Chunk).Select(c => c.Digest));
        Assert.NotEqual(all.Skip(feature.Chunk).Select(c => c.Digest), without.Skip(feature.Chunk).Select(c => c.Digest));
    }

    private void Check(MatrixPath path, MatrixDevices devices)
    {
        var ranks = devices switch
        {
            MatrixDevices.One => null,
            MatrixDevices.RanksHere => RanksHere,
            _ => $"{Rank()},{Rank()}",
        };
        WriteChanges();
        switch (path)
        {
            case MatrixPath.File:
                CheckFile(ranks);
                CheckPacedFile(ranks);
                break;
            case MatrixPath.Live:
                CheckLive(ranks);
                break;
            default:
                CheckServe(ranks);
                break;
        }
    }

    private void WriteChanges() => File.WriteAllLines(_streamdiff.Folder["changes"], MatrixFeature.All.Select(f => f.Line));

    private string Rank()
    {
        _ranks.Add(new RankProcesses(_streamdiff));
        return _ranks[^1].Start("--dtype", "float32");
    }

    private void CheckFile(string? ranks)
    {
        string[] command = [.. MatrixReference.File, .. On(ranks)];
        var run = _streamdiff.RunOnRanks(
            [.. command, "-o", "file.mov", "--codec", MatrixReference.Lossless, "--timeline", "changes", "--log", "take.log"]);
        Assert.True(run.ExitCode == 0, run.Error);
        AssertChanged("take.log");
        MatrixReference.AssertSame(reference.Pixels, Pixels("file.mov"));
        AssertReplays("take.log", ranks);
    }

    // With a deadline it is played at the speed of time, to its end.
    private void CheckPacedFile(string? ranks)
    {
        var run = _streamdiff.RunOnRanks([
            .. MatrixReference.File, .. On(ranks), "-o", "null:", "--timeline", "changes", "--log", "paced.log", "--deadline", "20000",
        ]);
        Assert.True(run.ExitCode == 0, run.Error);
        AssertChangedSoFar("paced.log");
        AssertReplays("paced.log", ranks);
    }

    private void CheckLive(string? ranks)
    {
        string[] command = ["run", "--live", .. MatrixReference.Endless, .. MatrixReference.Settings, .. On(ranks)];
        foreach (var deadline in (string[][])[[], ["--deadline", "20000"]])
        {
            var log = $"{deadline.Length}.log";
            Until(() => _streamdiff.Start(input: true,
                [.. command, "-o", "null:", "--control", "stdin", "--timeline", "changes", "--log", log, .. deadline]),
                _ => IsThrough(log));
            AssertChangedLive(log);
            AssertReplays(log, ranks);
        }
        // What nobody can keep has its price: steps first.
        Until(() => _streamdiff.Start(input: true, [.. command, "-o", "null:", "--control", "stdin", "--deadline", "1"]),
            said => said.Any(l => l.Contains("session: degraded: ", StringComparison.Ordinal)));
    }

    private void CheckServe(string? ranks)
    {
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], $"""
            size: 64x64
            threads: 1
            dtype: float32
            {(ranks is null ? "device: cpu" : $"ranks: {ranks}")}
            fps: 12
            deadline: 20000
            sessions:
              - name: one
                input: {MatrixReference.Endless[1]}
                output: "null:"
                prompt: {MatrixReference.Prompt}
                seed: {MatrixReference.Seed}
                timeline: changes
                log: take.log
              - name: beside
                input: {MatrixReference.Endless[1]}
                output: "null:"
                prompt: a mosaic
                steps: 1
            """);
        const string Refused = "error: session hasty is not admitted: ";
        // A promise that cannot be kept is not given.
        Until(Serve, said => IsThrough("take.log") && said.Any(l => l.StartsWith(Refused, StringComparison.Ordinal)));
        AssertChangedLive("take.log");
        AssertReplays("take.log", ranks);

        Process Serve()
        {
            var serve = _streamdiff.Start(input: true, "serve", "--config", "sessions.yaml");
            serve.StandardInput.WriteLine($"start hasty --input {MatrixReference.Endless[1]} --output null: --deadline 1");
            return serve;
        }
    }

    // Until what is meant has happened; then the run is told to end. As with any run over ranks, those that are too slow are asked again.
    private static void Until(Func<Process> start, Func<List<string>, bool> happened)
    {
        for (var left = 5; !IsDone(start(), happened, left > 1); left--)
        {
        }
    }

    private static bool IsDone(Process process, Func<List<string>, bool> happened, bool mayBeTooSlow)
    {
        var said = new List<string>();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (said)
                said.Add(line.Data ?? "");
        };
        process.BeginErrorReadLine();
        using (process)
        {
            // Only for one that hangs.
            var patience = Stopwatch.StartNew();
            while (!Say(happened))
            {
                var isOver = process.WaitForExit(50) || patience.Elapsed > TimeSpan.FromMinutes(5);
                if (isOver && !process.HasExited)
                    process.Kill();
                if (isOver && mayBeTooSlow && Say(lines => lines.Any(RankProcesses.TellsOfSlowness)))
                    return false;
                Assert.False(isOver, Say(lines => string.Join('\n', lines)));
            }
            process.StandardInput.WriteLine("quit");
            _ = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, Say(lines => string.Join('\n', lines)));
            return true;
        }

        T Say<T>(Func<List<string>, T> ask)
        {
            lock (said)
                return ask(said);
        }
    }

    // Every change has taken effect, and the chunks before the last one, each with its change, have come out.
    private bool IsThrough(string log)
    {
        try
        {
            var sofar = SessionLog.Read(_streamdiff.Folder[log]);
            return sofar.Changes.Count == MatrixFeature.All.Count && sofar.Chunks.Count >= MatrixFeature.Last.Chunk;
        }
        catch (ControlException)
        {
            // It is none before its first record is on the disk.
            return false;
        }
    }

    // All changes, each at its chunk.
    private void AssertChanged(string log) =>
        Assert.Equal(
            MatrixFeature.All.Select(f => f.Line),
            SessionLog.Read(_streamdiff.Folder[log]).Changes.Select(c => $"at chunk {c.Chunk} {c.Change}"));

    // All changes in their order: live, a prompt that is not read yet holds nobody, and comes with the first chunk at which it is.
    private void AssertChangedLive(string log)
    {
        AssertChangedSoFar(log);
        Assert.Equal(MatrixFeature.All.Count, SessionLog.Read(_streamdiff.Folder[log]).Changes.Count);
    }

    // The same of those whose chunk came: a session that falls behind makes fewer chunks of the same file.
    private void AssertChangedSoFar(string log)
    {
        var changes = SessionLog.Read(_streamdiff.Folder[log]).Changes;
        Assert.NotEmpty(changes);
        Assert.Equal(MatrixFeature.All.Take(changes.Count).Select(f => f.Command), changes.Select(c => $"{c.Change}"));
        Assert.All(MatrixFeature.All.Zip(changes), c => Assert.True(c.Second.Chunk >= c.First.Chunk, c.First.Line));
    }

    // Where it ran bit for bit, and on one device the same frames; where its chunks are those of the reference, also those. A session that
    // falls behind takes several groups of frames as one chunk, which is another computation, or leaves frames out.
    private void AssertReplays(string log, string? ranks)
    {
        var session = SessionLog.Read(_streamdiff.Folder[log]);
        var chunks = session.Chunks;
        var taken = chunks.SelectMany(c => c.Sources).ToList();
        Assert.True(taken.Count >= MatrixReference.FramesOf(MatrixFeature.Last.Chunk - 1), $"only {taken.Count} frames came out");
        var here = Replay("here.mov");
        Assert.EndsWith("identical to the session bit for bit\n", here.Output, StringComparison.Ordinal);
        if (ranks is not null)
        {
            Assert.EndsWith(
                "with other settings than the session's: not compared\n", Replay("one.mov", "--device", "cpu").Output,
                StringComparison.Ordinal);
            MatrixReference.AssertSame(Pixels("one.mov"), Pixels("here.mov"));
        }
        if (chunks.Zip(reference.Log.Chunks).All(c => c.First.Sources.SequenceEqual(c.Second.Sources))
            && session.Changes.Zip(reference.Log.Changes).All(c => c.First.Chunk == c.Second.Chunk))
            MatrixReference.AssertSame(reference.Pixels, Pixels("here.mov"));

        Streamdiff.Outcome Replay(string file, params string[] where)
        {
            var replay = _streamdiff.RunOnRanks(
                ["replay", log, .. MatrixReference.Endless, "-o", file, "--codec", MatrixReference.Lossless, .. where]);
            Assert.True(replay.ExitCode == 0, replay.Error + replay.Output);
            return replay;
        }
    }

    private byte[] Pixels(string file) => MatrixReference.PixelsOf(_streamdiff.Folder[file]);

    private static string[] On(string? ranks) => ranks is null ? ["--device", "cpu"] : ["--ranks", ranks];
}
