using StreamDiff.Client;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Tests;

/// <summary>A replay that nobody waits for any more does not begin, and is in nobody's way.</summary>
public sealed class ReplayStartTests
{
    [Fact]
    public async Task Start_ThatIsGivenUp_EndsTheCopy_AndLeavesRoomForAnother()
    {
        var folder = Directory.CreateTempSubdirectory("streamdiff-");
        var files = new SlowFiles();
        using var replays = new Replays(new StudioFolder(folder.FullName), files);
        using var gone = new CancellationTokenSource();
        var starting = replays.Start(
            new NewReplay { Session = "take", Input = "test:testsrc2" }, Caller.Local, gone.Token);
        var copy = await files.Asked.Task.WaitAsync(TestStudio.Patience);
        Assert.True(replays.IsBusy);
        await gone.CancelAsync();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting.WaitAsync(TestStudio.Patience));
        Assert.False(replays.IsBusy);
        Assert.False(File.Exists(copy));
        Assert.Empty(await replays.All(Caller.Local));
        folder.Delete(recursive: true);
    }

    // A worker that has the log and does not come to its end.
    private sealed class SlowFiles : ISessionFiles
    {
        public TaskCompletionSource<string> Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<IReadOnlyList<FoundFile>> Find(string session, string file) => Task.FromResult<IReadOnlyList<FoundFile>>(
            [new FoundFile("w1", new SessionPlace(new Uri("http://127.0.0.1/"), ""), "/log", DateTimeOffset.UtcNow)]);

        public async Task Copy(FoundFile file, string to, CancellationToken ct)
        {
            await File.WriteAllTextAsync(to, "the beginning", ct);
            Asked.SetResult(to);
            await Task.Delay(Timeout.Infinite, ct);
        }
    }
}
