using System.Diagnostics;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Pipeline.Tests;
using StreamDiff.Pipeline.Tests.Host;
using StreamDiff.Pipeline.Tests.Ranks;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Testing;
using StreamDiff.Transport.Media;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace StreamDiff.Memory.Tests;

/// <summary>What runs for long holds no more memory than after its first ticks.</summary>
public sealed class SteadyStateTests(ITestOutputHelper output)
{
    private const int WarmUp = 30;
    private const int Ticks = 300;

    [Fact]
    public void Session_HundredTicks_TakesNoMoreMemory() => Session(Ticks / 3);

    [Fact]
    [Trait("Category", "Slow")]
    public void Session_ThreeHundredTicks_TakesNoMoreMemory() => Session(Ticks);

    private void Session(int ticks)
    {
        LibTorch.Load();
        // At this size threads wait for each other longer than they compute, above all where others use the cores.
        set_num_threads(1);
        using var inference = inference_mode();
        using var pool = new FramePool();
        using var model = LoadedModel.Open(TestOptions.OneThread);
        using var host = new SessionHost(
            model, new HostOptions { Lanes = 2, Workers = 2 }, new FixedStreamBatch(), new LiveClock(TimeProvider.System));
        var (shown, fed) = (0, 0);
        using var session = host.Start(TinyModel.Patient("steady"), finished =>
        {
            finished.Frame.Dispose();
            Interlocked.Increment(ref shown);
        });

        Run(WarmUp);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (tensors, memory, collections, allocated) = (
            Tensor.TotalCount, NativeHeap.Used(), GC.CollectionCount(2), GC.GetTotalAllocatedBytes());
        Run(WarmUp + ticks);
        var managed = GC.GetTotalAllocatedBytes() - allocated;
        output.WriteLine($"{managed / ticks} managed bytes per tick, resident memory {Resident() >> 20} MB");

        // The decoder gives back what it decoded after its frames are shown.
        SpinWait.SpinUntil(() => Tensor.TotalCount == tensors, TimeSpan.FromMinutes(1));
        Assert.Equal((tensors, collections), (Tensor.TotalCount, GC.CollectionCount(2)));
        var grown = NativeHeap.Used() - memory;
        Assert.True(grown < 32 << 20, $"native memory grew by {grown >> 20} MB");
        Assert.Equal(0, pool.Outstanding);

        // So many chunks in all; the last one stays in the batch.
        void Run(int chunks)
        {
            for (; fed <= Chunker.FramesPerLatent * chunks; fed++)
            {
                var frame = VideoFrame.Rent(pool, 64, 64);
                // Moves, and comes round often: every first timestep has been seen after warm-up.
                frame.Pixels.Fill((byte)(fed / Chunker.FramesPerLatent % 8 * 16));
                session.WaitForRoom();
                session.Offer(frame, host.Clock.Now);
            }
            Assert.True(SpinWait.SpinUntil(
                () => Volatile.Read(ref shown) == 1 + Chunker.FramesPerLatent * (chunks - 1), TimeSpan.FromMinutes(2)));
        }
    }

    [Theory]
    [InlineData(true, Ticks / 3)]
    [InlineData(false, Ticks / 10)]
    public void Ring_ThreeHundredTicks_TakesNoMoreMemory(bool batch, int ticks) => Ring(batch, ticks);

    [Fact]
    [Trait("Category", "Slow")]
    public void Ring_NineHundredTicks_TakesNoMoreMemory() => Ring(batch: true, Ticks);

    // A stream holds the same after so many ticks and after three times as many, and nothing when it is closed.
    private void Ring(bool batch, int ticks)
    {
        using var inference = inference_mode();
        var (ring, threads) = ToyRing.Local(3);
        using (threads)
        using (ring)
        {
            Stream(WarmUp);
            // What is left to the finalizer is kept as well: it goes when nobody knows.
            using var uncollected = new NoCollection();
            var before = Held(ring);
            var held = Stream(ticks, 3 * ticks);
            output.WriteLine(
                $"{before} tensors at rest; {held[0]} after {ticks} ticks, {held[1]} after {3 * ticks}; {Held(ring)} at rest again");
            Assert.Equal(held[0], held[1]);
            Assert.Equal(before, Held(ring));

            // Tensors held after so many ticks of one stream.
            List<long> Stream(params int[] counts)
            {
                var held = new List<long>();
                using var runner = new RingTickRunner(ring);
                using var queue = new TickQueue(runner);
                using var stream = new ToyStream(queue, ToyRing.Options(3) with { OnOneLane = !batch });
                for (var tick = 1; tick <= counts[^1]; tick++)
                {
                    // Before the last tick all results of those before it are here, and are taken with it; its own waits.
                    if (counts.Contains(tick))
                        ring.Settle();
                    stream.Feed(tick);
                    stream.Discard();
                    if (counts.Contains(tick))
                        held.Add(Held(ring));
                }
                return held;
            }
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Ring_FourLostRanks_TakesNoMoreMemory()
    {
        using var inference = inference_mode();
        using var ring = new SocketRing(2);
        using var runner = new RingTickRunner(ring.Ring);
        using var ticks = new TickQueue(runner);
        var (denoiser, parts) = ToyRing.Stage(ticks, ToyRing.Options(2));
        var index = 0L;
        // Each of the two, so that the same ranks are as old when it is counted.
        Lose(2);
        var (tensors, memory) = (Held(ring.Ring), NativeHeap.Used());
        Lose(4);
        var grown = NativeHeap.Used() - memory;
        output.WriteLine(
            $"{tensors} -> {Held(ring.Ring)} tensors, managed {GC.GetTotalMemory(forceFullCollection: true) >> 20} MB, native "
            + $"{memory >> 20} -> {(memory + grown) >> 20} MB, resident {Resident() >> 20} MB");
        Assert.Equal(tensors, Held(ring.Ring));
        Assert.True(grown < 64 << 20, $"native memory grew by {grown >> 20} MB");
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
                Assert.True(SpinWait.SpinUntil(() => ring.Ring.HasReturned, TimeSpan.FromMinutes(2)));
                Feed(12);
            }
            Assert.Equal(2, ring.Ring.Ranges.Count);
            while (denoiser.Flush() is { } rest)
                rest.Dispose();
        }

        void Feed(int chunks)
        {
            for (var i = 0; i < chunks; i++)
            {
                // At rest, so that the noise stays: ranks remember the timesteps that they have seen.
                using var chunk = new LatentChunk(
                    index, ToyRing.Latents(index == 0 ? 2 : 1, (ulong)index % 50), 0, [new FrameTiming(index, index, 1)]);
                for (var done = denoiser.Next(chunk); done is not null; done = denoiser.More())
                    done.Dispose();
                index++;
            }
        }
    }

    // Of the whole process, with no rank at work and nothing between them.
    private static long Held(RankRing ring)
    {
        ring.Settle();
        return Tensor.TotalCount;
    }

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
