using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Pipeline.Tests;
using StreamDiff.Pipeline.Tests.Host;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Memory.Tests;

/// <summary>What is changed on the way leaves nothing behind.</summary>
public sealed class ControlMemoryTests
{
    private const int Busy = 18;
    private const int Phase = Busy + 10;

    [Fact]
    [Trait("Category", "Slow")]
    public void Session_HundredsOfChanges_KeepsNoTensor()
    {
        LibTorch.Load();
        using var inference = inference_mode();
        using var pool = new FramePool();
        using var model = LoadedModel.Open(TestOptions.OneThread);
        // Two streams: what changes leave behind, and what a whole stream does. The network keeps what it knows of timesteps: the noise
        // scale stays, so that there are few.
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
            var controls = new StreamControls(new Timeline([.. Changes(0), .. Changes(Phase)]));
            var (shown, fed) = (0, 0);
            using var host = new SessionHost(
                model, new HostOptions { Lanes = 4, Workers = 2 }, new FixedStreamBatch(), new LiveClock(TimeProvider.System));
            using var session = host.Start(TinyModel.Patient("busy", prompt: "sepia") with { Controls = controls }, finished =>
            {
                finished.Frame.Dispose();
                Interlocked.Increment(ref shown);
            });
            // Encoded beside the stream: from here on nothing comes or goes but with a chunk.
            controls.Prepared.Wait();
            Run(Phase);
            var first = Tensor.TotalCount;
            Run(2 * Phase);
            // Three prompts were encoded for the second phase and waited for it. The decoder gives back what it decoded after its frames
            // are shown.
            SpinWait.SpinUntil(() => Tensor.TotalCount == first - 3, TimeSpan.FromMinutes(1));
            Assert.Equal(first - 3, Tensor.TotalCount);
            Assert.Equal(0, controls.Waiting);

            // So many chunks in all; with two steps the last one stays in the batch.
            void Run(int chunks)
            {
                for (; fed <= Chunker.FramesPerLatent * chunks; fed++)
                {
                    var frame = VideoFrame.Rent(pool, 64, 64);
                    frame.Pixels.Fill(90);
                    session.WaitForRoom();
                    session.Offer(frame, host.Clock.Now);
                }
                Assert.True(SpinWait.SpinUntil(
                    () => Volatile.Read(ref shown) == 1 + Chunker.FramesPerLatent * (chunks - 1), TinyModel.Patience));
                // The last of them has left the decoder when nothing changes any more.
                var (count, calm) = (0L, 0);
                while (calm < 20)
                {
                    calm = Tensor.TotalCount == count ? calm + 1 : 0;
                    count = Tensor.TotalCount;
                    Thread.Sleep(5);
                }
            }
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
}
