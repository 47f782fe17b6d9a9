using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Tests.Host;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>The log of a run beside those that earlier runs have left.</summary>
public sealed class RunControlTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void Begin_LogOfAnEarlierTakeIsThere_ALiveRunKeepsIt()
    {
        using var folder = new TestFolder();
        var options = RestyleOptions.Of("test:testsrc2", "null:") with
        {
            Compute = TestOptions.OneThread,
            Control = new ControlOptions { Log = folder.File("take.log") },
        };
        var notes = new List<string>();
        Begin(isLive: true, chunks: 1);
        Assert.Empty(notes);
        // Whoever began it again, and whatever becomes of it.
        Begin(isLive: true, chunks: 0);
        var kept = folder.File("take-0001.log");
        Assert.Equal([$"the log of an earlier run is kept as {kept}"], notes);
        Assert.Single(SessionLog.Read(kept).Chunks);
        // What never came to a picture is no take, and that of a file can be made again.
        Begin(isLive: true, chunks: 2);
        Begin(isLive: false, chunks: 3);
        Assert.Single(notes);
        Assert.Equal([kept, folder.File("take.log")], Directory.GetFiles(Path.GetDirectoryName(kept)!).Order(StringComparer.Ordinal));

        void Begin(bool isLive, int chunks)
        {
            using var run = RunControl.Begin(options, new StreamControls(isOpenEnded: false), tiny.Loaded, isLive, notes.Add);
            for (var chunk = 0; chunk < chunks; chunk++)
                run.Log!.Write(new LoggedChunk(chunk, [chunk], 1));
        }
    }
}
