using System.Collections.Concurrent;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Tests.Host;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Control;

/// <summary>One text encoder for all streams of a model, and nothing read twice.</summary>
public sealed class PromptReaderTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Sessions_OfTheSameAndOtherPrompts_LoadTheEncoderOnceAndReadEachPromptOnce()
    {
        var prompts = tiny.Loaded.Prompts;
        var read = new ConcurrentQueue<string>();
        prompts.Reading = read.Enqueue;
        var notes = new ConcurrentQueue<string>();
        using (var host = tiny.Host(log: e => notes.Enqueue($"{e.Session}: {e.Text}")))
        {
            using var one = Begin(host, "one", "a watercolor");
            using var same = Begin(host, "same", "a watercolor");
            using var other = Begin(host, "other", "a mosaic");
            await other.Controls.Prepared.WaitAsync(TinyModel.Patience);
            foreach (var prompt in (string[])["a watercolor", "a blueprint", "a mosaic"])
                one.Controls.Apply(new PromptChange(prompt));
            other.Controls.Apply(new PromptChange("a blueprint"));
            await Task.WhenAll(one.Controls.Prepared, other.Controls.Prepared).WaitAsync(TinyModel.Patience);
            Assert.Equal(["a watercolor", "a mosaic", "a blueprint"], read);
            Assert.Equal(1, prompts.Loads);
            Assert.True(prompts.IsLoaded, "the sessions may change their prompts at any time");
            // What a prompt is taken for is told to whoever asked for it, read or remembered.
            foreach (var session in (string[])["one", "same", "other"])
                Assert.Contains(notes, n => n.StartsWith($"{session}: tiny takes ", StringComparison.Ordinal));
        }
        Assert.False(prompts.IsLoaded, "nobody may change prompts any more");

        // Known from before: neither read nor is the encoder loaded for it.
        using (var host = tiny.Host())
        using (Begin(host, "later", "a mosaic"))
            Assert.Equal((3, 1, false), (read.Count, prompts.Loads, prompts.IsLoaded));
        prompts.Reading = null;

        Session Begin(SessionHost host, string name, string prompt) =>
            host.Start(TinyModel.Patient(name, steps: 1, prompt), f => f.Frame.Dispose());
    }

    [Fact]
    public async Task Stream_WithATimeline_LoadsTheEncoderOnceAndLetsItGo()
    {
        var prompts = tiny.Loaded.Prompts;
        var before = prompts.Loads;
        string[] later = ["neon", "sepia", "a pencil drawing"];
        var timeline = new Timeline([.. later.Select((p, i) => new TimelineEntry(new TimelinePoint(Chunk: i), new PromptChange(p)))]);
        var controls = new StreamControls(timeline, isOpenEnded: false);
        using var host = tiny.Host();
        using var session = host.Start(
            TinyModel.Patient("one", steps: 1, "stained glass") with { Controls = controls }, f => f.Frame.Dispose());
        await controls.Prepared.WaitAsync(TinyModel.Patience);
        Assert.Equal(before + 1, prompts.Loads);
        Assert.False(prompts.IsLoaded, "its timeline is all that it will ask for");
    }

    [Fact]
    public async Task Book_OfAStreamThatEnds_WaitsForNobodyAndAsksForNothingMore()
    {
        using var release = new ManualResetEventSlim();
        using var encoding = new ManualResetEventSlim();
        var read = new ConcurrentQueue<string>();
        using var reader = new PromptReader(tiny.Loaded.LoadTextEncoder)
        {
            Reading = prompt =>
            {
                read.Enqueue(prompt);
                encoding.Set();
                release.Wait();
            },
        };
        using var other = new PromptBook(reader, false, CPU, null);
        var slow = other.Prepare("slow");
        Assert.True(encoding.Wait(TinyModel.Patience));
        var book = new PromptBook(reader, true, CPU, null);
        var waiting = book.Prepare("waiting");
        await Task.Run(book.Dispose).WaitAsync(TinyModel.Patience);
        release.Set();
        await slow.WaitAsync(TinyModel.Patience);
        await Assert.ThrowsAsync<ControlException>(() => waiting.WaitAsync(TinyModel.Patience));
        Assert.Equal(["slow"], read);
        Assert.False(reader.IsLoaded);
        other.Take("slow").Dispose();
    }

    [Fact]
    public async Task Read_EncoderThatCannotBeLoaded_IsToldToEachAndTriedAgain()
    {
        var broken = true;
        using var reader = new PromptReader(
            () => broken ? throw new ModelException("text_encoder.safetensors is missing") : tiny.Loaded.LoadTextEncoder());
        using var book = new PromptBook(reader, true, CPU, null);
        var error = await Assert.ThrowsAsync<ModelException>(() => book.Prepare("neon"));
        Assert.Equal("text_encoder.safetensors is missing", error.Message);
        broken = false;
        await book.Prepare("neon");
        using var embeddings = book.Take("neon");
        Assert.Equal([1, tiny.Loaded.Config.Dit.TextLen, tiny.Loaded.Config.Dit.TextDim], embeddings.shape);
    }
}
