using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Control;

// Counts every tensor of the process: nothing else may run beside it.
[Collection("process memory")]
public sealed class ControlMemoryTests
{
    private const int Busy = 18;
    private const int Phase = Busy + 10;

    [Fact]
    public void RestyleStream_HundredsOfChanges_KeepsNoTensor()
    {
        LibTorch.Load();
        using var inference = inference_mode();
        using var pool = new FramePool();
        using var model = LoadedModel.Open(new RestyleOptions { Input = "", Output = "", Device = "cpu", Type = "float32", Threads = 1 });
        // Two streams: what changes leave behind, and what a whole stream does. The network keeps what it knows of timesteps: the noise scale stays, so that there are few.
        var left = new List<long>();
        for (var round = 0; round < 2; round++)
        {
            Stream();
            left.Add(Tensor.TotalCount);
        }
        Assert.Equal(left[0], left[1]);
        Assert.Equal(0, pool.Outstanding);

        void Stream()
        {
            var controls = new SessionControls(new Timeline([.. Changes(0), .. Changes(Phase)]));
            var options = new RestyleOptions { Input = "", Output = "", Prompt = "sepia" };
            var settings = SessionSettings.From(options, model.Config, (64, 64));
            using var stream = new RestyleStream(model, settings, options, new RunControl(controls, true, null), TimeSpan.FromTicks, pool, _ => { });
            using var chunker = new Chunker();
            // Encoded beside the stream: from here on nothing comes or goes but with a chunk.
            controls.Prepared.Wait();
            var first = Run(stream, chunker, pool);
            // Three prompts were encoded for the second phase and waited for it.
            Assert.Equal(first - 3, Run(stream, chunker, pool));
            Assert.Equal(0, controls.Waiting);
        }
    }

    // Ends with the settings that it begins with, and no blend under way: the tensors held then are those of a stream at rest.
    private static IEnumerable<TimelineEntry> Changes(int from)
    {
        string[] prompts = ["neon", "a blueprint"];
        for (var i = 0; i < Busy; i++)
            yield return At(i, (i % 9) switch
            {
                0 => new PromptChange(prompts[i / 9 % 2], 6, BlendKind.Spherical),
                2 => new PromptChange(prompts[i / 9 % 2], 3),
                3 => new StepsChange(1 + i % 4),
                4 => new SinksChange(i % 5, i % 2 == 0 ? -1 : 0.9),
                5 => new SeedChange(i),
                6 => new PauseChange(true),
                7 => new PauseChange(false),
                _ => new NoiseScaleChange(0.8),
            });
        foreach (var change in (ControlChange[])[new StepsChange(2), new SinksChange(2, 0.2), new PromptChange("sepia")])
            yield return At(Busy, change);

        TimelineEntry At(int chunk, ControlChange change) => new(new TimelinePoint(Chunk: from + chunk), change);
    }

    private static long Run(RestyleStream stream, Chunker chunker, FramePool pool)
    {
        for (var i = 0; i < Phase; i++)
            Feed(stream, chunker, pool);
        return Tensor.TotalCount;
    }

    private static void Feed(RestyleStream stream, Chunker chunker, FramePool pool)
    {
        for (FrameChunk? chunk = null; chunk is null;)
        {
            var frame = VideoFrame.Rent(pool, 64, 64);
            frame.Pixels.Fill(90);
            chunk = chunker.Add(frame);
            using (chunk)
            {
                if (chunk is null)
                    continue;
                using var latents = stream.Encoder.Encode(chunk);
                for (var done = stream.Denoiser.Next(latents); done is not null; done = stream.Denoiser.More())
                    using (done)
                        foreach (var picture in stream.Decoder.Decode(done))
                            picture.Dispose();
            }
        }
    }
}
