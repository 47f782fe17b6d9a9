using System.Collections.Concurrent;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Pipeline.Tests.Host;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>A session that takes long to open holds up nobody but itself.</summary>
public sealed class SessionServerTests : IDisposable
{
    private const string Slow = "a prompt that takes long";
    private static readonly SessionSlo Slo = new() { Deadline = TimeSpan.FromMinutes(1) };
    private readonly TestFolder _folder = new();
    private readonly ConcurrentQueue<LiveEvent> _news = new();
    private readonly ManualResetEventSlim _encoding = new();
    private readonly ManualResetEventSlim _release = new();
    private readonly SessionServer _server;

    public SessionServerTests()
    {
        _server = new SessionServer(Options(), new HostOptions { Refuses = false }, _news.Enqueue);
        _server.Model.Prompts.Reading = prompt =>
        {
            if (prompt != Slow)
                return;
            _encoding.Set();
            _release.Wait();
        };
    }

    public void Dispose()
    {
        _release.Set();
        _server.Dispose();
        _folder.Dispose();
        _encoding.Dispose();
        _release.Dispose();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Start_WhileAnotherSessionOpens_EverythingAnswersAndItsNameAndFilesAreTaken()
    {
        _server.Start("running", Options(), Slo);
        var opening = Task.Run(() => _server.Start("opening", Options(Slow, "a.mkv"), Slo));
        Assert.True(_encoding.Wait(TinyModel.Patience));

        Assert.Equal(["running"], (await Answer(() => _server.Sessions)).Select(s => s.Name));
        Assert.Equal(1, (await Answer(() => _server.Statistics)).Sessions);
        var name = await Assert.ThrowsAsync<ModelException>(() => Answer(() => _server.Start("opening", Options(output: "b.mkv"), Slo)));
        Assert.Equal("there is a session named opening already", name.Message);
        var file = await Assert.ThrowsAsync<MediaException>(() => Answer(() => _server.Start("other", Options(output: "./a.mkv"), Slo)));
        Assert.Contains("a.mkv of session opening are one file", file.Message, StringComparison.Ordinal);
        Assert.NotNull(await Answer(() => _server.ControlsOf("opening")!.Apply(new StepsChange(2))));
        // One with a prompt that is known begins, and one whose source is not there ends by itself.
        await Answer(() => _server.Start("quick", Options(), Slo));
        await Answer(() => _server.Start("gone", Options().With("input v4l2:/dev/video-none"), Slo));
        await TinyModel.Until(() => _news.Any(n => n is { Session: "gone", State: "failed" }));
        Assert.True(await Answer(() => _server.Stop("running")));
        Assert.Equal(["quick"], (await Answer(() => _server.Sessions)).Select(s => s.Name));

        _release.Set();
        await opening.WaitAsync(TinyModel.Patience);
        Assert.Equal(["opening", "quick"], _server.Sessions.Select(s => s.Name));
        await TinyModel.Until(() => _news.Any(n => n is { Session: "opening", State: "changed" }));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task StopAndDispose_WhileSessionsOpen_TheyNeverBegin()
    {
        var opening = _server.StartAsync("opening", Options(Slow, "a.mkv"), Slo);
        Assert.True(_encoding.Wait(TinyModel.Patience));
        Assert.True(await Answer(() => _server.Stop("opening")));
        Assert.False(await Answer(() => _server.Stop("nobody")));
        var other = _server.StartAsync("other", Options("another prompt", "b.mkv"), Slo);
        var end = Task.Run(_server.Dispose);
        await TinyModel.Until(() => Refused() is ObjectDisposedException);
        _release.Set();
        var stopped = await Assert.ThrowsAsync<ModelException>(() => opening.WaitAsync(TinyModel.Patience));
        Assert.Equal("session opening was stopped before it had begun", stopped.Message);
        await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => other.WaitAsync(TinyModel.Patience));
        await end.WaitAsync(TinyModel.Patience);
        Assert.Empty(_server.Sessions);
        Assert.False(File.Exists(_folder.File("a.mkv")) || File.Exists(_folder.File("b.mkv")));

        // Refused by its name as long as the server is there.
        Exception Refused() => Record.Exception(() => { _ = _server.StartAsync("opening", Options(), Slo); })!;
    }

    // Nothing waits for the prompt that is being read: that would be for ever here.
    private static Task<T> Answer<T>(Func<T> ask) => Task.Run(ask).WaitAsync(TinyModel.Patience);

    private RestyleOptions Options(string prompt = "a mosaic", string? output = null) =>
        RestyleOptions.Of("test:testsrc2?size=64x64&rate=8&duration=0", output is null ? "null:" : _folder.File(output))
            .With($"prompt {prompt}", "size 64x64", "steps 1", "fps 8", "live true") with
        { Compute = TestOptions.OneThread };
}
