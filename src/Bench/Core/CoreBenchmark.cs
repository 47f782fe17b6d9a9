using System.Diagnostics;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Models;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Core;

/// <summary>
/// Times the stages one after the other on one thread, the device waited for after each, so that every stage shows what it costs by itself.
/// </summary>
public static class CoreBenchmark
{
    private const int WarmUpChunks = 8;

    /// <param name="options">Model, size, steps, device, type, threads; input and output are the benchmark's own.</param>
    /// <param name="chunks">Chunks measured after warm-up.</param>
    /// <param name="media">False leaves FFmpeg out: frames are made in memory and thrown away, for machines that have no FFmpeg.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static CoreReport Run(RestyleOptions options, int chunks, bool media)
    {
        var started = Process.GetCurrentProcess().StartTime.ToUniversalTime();
        using var model = LoadedModel.Open(options.Compute, _ => get_num_threads());
        using var inference = inference_mode();
        var (size, target) = (options.Frame.SizeFor(model.Model), model.Target);
        using var pool = new FramePool();
        using var session = new BenchStream(model, model.Settings(options.Sampling, size), options.Sampling.Seed);
        var folder = Directory.CreateTempSubdirectory("streamdiff-bench-");
        var clip = Path.Combine(folder.FullName, "clip.mp4");
        try
        {
            if (media)
                WriteClip(clip, size, Chunker.FramesPerLatent * (chunks + WarmUpChunks) + 1, pool);
            var timer = new StageTimer(target.Device);
            Measure(media ? clip : null, size, session, pool, timer, chunks, out var firstTick, out var steady);
            return new CoreReport
            {
                Model = options.Compute.Model,
                Width = size.Width,
                Height = size.Height,
                Steps = options.Sampling.Steps,
                Mode = options.Sampling.Mode.ToString(),
                Device = target.Device.ToString(),
                Type = target.Type.ToString(),
                Threads = get_num_threads(),
                Processors = Environment.ProcessorCount,
                Chunks = chunks,
                StartUpMilliseconds = (firstTick - started).TotalMilliseconds,
                Stages = timer.Rows(),
                ManagedBytesPerTick = steady.Allocated / chunks,
                Gen2Collections = steady.Gen2,
                CacheBytes = session.CacheBytes,
                Ticks = model.Transformer?.Ticks.ToString() ?? "",
                WeightBytes = model.Transformer?.WeightBytes ?? 0,
                MediaCpuMillisecondsPerFrame = !media ? null : MediaOnly(clip, target, pool),
            };
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Measure(
        string? clip, (int Width, int Height) size, BenchStream session, FramePool pool, StageTimer timer, int chunks,
        out DateTime firstTick, out (long Allocated, int Gen2) steady)
    {
        var output = clip is null ? "null:" : Path.ChangeExtension(clip, ".out.mp4");
        firstTick = default;
        steady = default;
        try
        {
            using var source = clip is null
                ? new SyntheticSource(size, pool)
                : MediaSources.Open(new VideoSourceOptions { Input = clip, Pool = pool });
            using var sink = MediaSinks.Open(new FileSinkOptions { Output = output }, source.Video, null);
            using var chunker = new Chunker();
            var (allocated, gen2) = (0L, 0);
            for (var i = 0; i < chunks + WarmUpChunks; i++)
            {
                if (i == WarmUpChunks)
                {
                    timer.Reset();
                    (allocated, gen2) = (GC.GetTotalAllocatedBytes(), GC.CollectionCount(2));
                }
                using var chunk = timer.Time("video decode", () => ReadChunk(source, chunker));
                using var latents = timer.Time("VAE encode", () => session.Encoder.Encode(chunk));
                using var clean = timer.Time("denoise", () => session.Denoiser.Next(latents));
                if (i == 0)
                    firstTick = DateTime.UtcNow;
                if (clean is null)
                    continue;
                var frames = timer.Time("VAE decode", () => session.Decoder.Decode(clean));
                timer.Time("video encode", () => WriteFrames(sink, frames));
            }
            steady = (GC.GetTotalAllocatedBytes() - allocated, GC.CollectionCount(2) - gen2);
            sink.Complete();
        }
        finally
        {
            File.Delete(output);
        }
    }

    private static FrameChunk ReadChunk(IFrameSource source, Chunker chunker)
    {
        while (source.Read(CancellationToken.None) is { } unit)
            if (chunker.Add((VideoFrame)unit) is { } chunk)
                return chunk;
        throw new InvalidOperationException("the benchmark's clip ended early");
    }

    private static bool WriteFrames(IFrameSink sink, IReadOnlyList<VideoFrame> frames)
    {
        foreach (var frame in frames)
            using (frame)
                sink.Write(frame);
        return true;
    }

    // CPU time of all threads for everything but the networks: decode, to tensors and back, encode.
    private static double MediaOnly(string clip, ComputeTarget target, FramePool pool)
    {
        var output = Path.ChangeExtension(clip, ".media.mp4");
        try
        {
            using var source = MediaSources.Open(new VideoSourceOptions { Input = clip, Pool = pool });
            using var sink = MediaSinks.Open(new FileSinkOptions { Output = output }, source.Video, null);
            using var chunker = new Chunker();
            var before = Process.GetCurrentProcess().TotalProcessorTime;
            var count = 0L;
            while (source.Read(CancellationToken.None) is { } unit)
            {
                if (chunker.Add((VideoFrame)unit) is not { } chunk)
                    continue;
                using (chunk)
                using (var pixels = FrameTensors.ToPixels(chunk.Frames, target.Device, target.Type))
                using (var wide = pixels.to_type(ScalarType.Float32))
                {
                    var frames = FrameTensors.ToFrames(wide, chunk.Frames.Count, pool);
                    for (var i = 0; i < frames.Length; i++)
                        frames[i].Pts = chunk.Timing[i].Pts;
                    count += frames.Length;
                    WriteFrames(sink, frames);
                }
            }
            sink.Complete();
            return (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds / count;
        }
        finally
        {
            File.Delete(output);
        }
    }

    private static void WriteClip(string path, (int Width, int Height) size, int count, FramePool pool)
    {
        var input = $"test:testsrc2?size={size.Width}x{size.Height}&rate=16&duration={(count + 8) / 16 + 1}";
        using var source = MediaSources.Open(new VideoSourceOptions { Input = input, Pool = pool });
        using var sink = MediaSinks.Open(new FileSinkOptions { Output = path, Preset = "ultrafast" }, source.Video, null);
        while (source.Read(CancellationToken.None) is { } unit)
            using (unit)
                sink.Write((VideoFrame)unit);
        sink.Complete();
    }
}
