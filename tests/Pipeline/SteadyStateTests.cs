using System.Diagnostics;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Transport.Media;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests;

[CollectionDefinition("process memory", DisableParallelization = true)]
public sealed class ProcessMemoryDefinition;

// Looks at the whole process: nothing else may run beside it.
[Collection("process memory")]
public sealed class SteadyStateTests(ITestOutputHelper output)
{
    private const int WarmUp = 30;
    private const int Ticks = 300;

    [Fact]
    public void Session_ThreeHundredTicks_TakesNoMoreMemory()
    {
        LibTorch.Load();
        // At this size threads wait for each other longer than they compute, above all where others use the cores.
        set_num_threads(1);
        using var inference = inference_mode();
        using var pool = new FramePool();
        using var model = LoadedModel.Open(new RestyleOptions { Input = "", Output = "", Device = "cpu", Type = "float32", Threads = 1 });
        using var session = model.OpenStream(model.Settings(2, (64, 64)));
        using var chunker = new Chunker();

        Run(session, chunker, pool, WarmUp);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (tensors, memory, collections, allocated) = (Tensor.TotalCount, Resident(), GC.CollectionCount(2), GC.GetTotalAllocatedBytes());
        Run(session, chunker, pool, Ticks);
        var managed = GC.GetTotalAllocatedBytes() - allocated;
        output.WriteLine($"{managed / Ticks} managed bytes per tick, resident memory {memory >> 20} -> {Resident() >> 20} MB");

        Assert.Equal((tensors, collections), (Tensor.TotalCount, GC.CollectionCount(2)));
        Assert.True(Resident() - memory < 32 << 20, $"resident memory grew by {(Resident() - memory) >> 20} MB");
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void Ring_ThreeHundredTicks_TakesNoMoreMemory()
    {
        using var inference = inference_mode();
        var (ring, threads) = Ranks.ToyRing.Local(3);
        using (threads)
        using (ring)
        {
            Stream(WarmUp);
            var before = Settled();
            Stream(Ticks);
            var after = Settled();
            output.WriteLine($"{before} tensors before, {after} after {Ticks} ticks");
            Assert.Equal(before, after);

            void Stream(int chunks)
            {
                foreach (var chunk in Ranks.ToyRing.Ring(ring, Ranks.ToyRing.Options(3), chunks))
                    chunk.Dispose();
            }
        }
    }

    [Fact]
    public void Ring_FourLostRanks_TakesNoMoreMemory()
    {
        using var inference = inference_mode();
        using var ring = new Ranks.SocketRing(2);
        using var runner = new RingTickRunner(ring.Ring);
        using var ticks = new TickQueue(runner);
        var (denoiser, parts) = Ranks.ToyRing.Stage(ticks, Ranks.ToyRing.Options(2));
        var index = 0L;
        Lose(1);
        var (tensors, memory) = (Settled(), Resident());
        Lose(4);
        output.WriteLine($"{tensors} -> {Settled()} tensors, managed {GC.GetTotalMemory(forceFullCollection: true) >> 20} MB, resident {memory >> 20} -> {Resident() >> 20} MB");
        // Which rank is a ring's last, and how many ticks it had kept rotary tables for, differs a little.
        Assert.InRange(Settled(), 0, tensors + 10);
        Assert.True(Resident() - memory < 64 << 20, $"resident memory grew by {(Resident() - memory) >> 20} MB");
        foreach (var part in parts)
            part.Dispose();

        void Lose(int times)
        {
            for (var i = 0; i < times; i++)
            {
                Feed(12);
                ring.Kill(i % 2);
                Feed(12);
                ring.Restart(i % 2);
                Assert.True(SpinWait.SpinUntil(() => ring.Ring.HasReturned, TimeSpan.FromSeconds(20)));
                Feed(12);
            }
            Assert.Equal(2, ring.Ring.Ranges.Count);
        }

        void Feed(int chunks)
        {
            for (var i = 0; i < chunks; i++)
            {
                using var chunk = new LatentChunk(index, Ranks.ToyRing.Latents(index == 0 ? 2 : 1, (ulong)index % 50), 0.05, [new FrameTiming(index, index, 1)]);
                for (var done = denoiser.Next(chunk); done is not null; done = denoiser.More())
                    done.Dispose();
                index++;
            }
        }
    }

    // The ranks forget a stream a little after its driver.
    private static long Settled()
    {
        var count = Tensor.TotalCount;
        for (var unchanged = 0; unchanged < 20; unchanged++)
        {
            Thread.Sleep(10);
            if (Tensor.TotalCount != count)
                (count, unchanged) = (Tensor.TotalCount, 0);
        }
        return count;
    }

    private static void Run(RestyleStream session, Chunker chunker, FramePool pool, int ticks)
    {
        for (var done = 0; done < ticks;)
        {
            var frame = VideoFrame.Rent(pool, 64, 64);
            // Moves, and comes round often: every first timestep has been seen after warm-up.
            frame.Pixels.Fill((byte)(done % 8 * 16));
            if (chunker.Add(frame) is not { } chunk)
                continue;
            done++;
            using (chunk)
            using (var latents = session.Encoder.Encode(chunk))
            using (var clean = session.Denoiser.Next(latents))
            {
                if (clean is null)
                    continue;
                foreach (var finished in session.Decoder.Decode(clean))
                    finished.Dispose();
            }
        }
    }

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
