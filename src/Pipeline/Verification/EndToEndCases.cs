using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Verification.Published;
using StreamDiff.Scheduling.Noise;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>Frames to frames through the product's own chunking, encoding, noise, denoising and decoding.</summary>
internal static class EndToEndCases
{
    // The oracle runs on one device; what products run on is what was asked for.
    public static void EndToEnd(GoldenCase golden, Comparison compare)
    {
        if (golden.Ranks.Count == 1)
            Run(golden, compare, "published pixels", weights => OnOracle(golden, weights));
        Run(golden, compare, "pixels", weights => OnLanes(golden, weights));
    }

    private static void Run(GoldenCase golden, Comparison compare, string what, Func<IWeightSource, Denoising> open)
    {
        var config = golden.Config;
        using var pool = new FramePool();
        using var transformerWeights = golden.WeightsBelow("dit.");
        using var vaeWeights = golden.WeightsBelow("vae.");
        using var vae = Models.Vae.WanVae.Load(VaeCases.ReadWan(config.GetProperty("vae")), vaeWeights, golden.Device, golden.Type);
        using var denoising = open(transformerWeights);
        var chunks = denoising.Chunks;
        using var encoder = new ChunkEncoder(vae);
        using var decoder = vae.OpenDecoder();

        var pixels = new List<Tensor>();
        foreach (var chunk in Chunks(golden.Tensor("frames"), config.GetProperty("chunk_size").GetInt32(), pool))
        {
            using (chunk)
            using (var latents = encoder.Encode(chunk))
                Decode(chunks.Next(latents));
        }
        while (chunks.Flush() is { } rest)
            Decode(rest);

        compare.Tensors(what, golden.Tensor("pixels"), cat(pixels).clamp(Scalars.Of(-1), Scalars.One));

        void Decode(LatentChunk? clean)
        {
            if (clean is null)
                return;
            using (clean)
                pixels.Add(decoder.Decode(clean.Latents)[0].narrow(0, 0, clean.Timing.Count));
        }
    }

    private static Denoising OnOracle(GoldenCase golden, IWeightSource weights)
    {
        var model = CausalWanModel.Load(
            DenoisingCases.ReadConfig(golden.Config.GetProperty("dit")), .., weights, golden.Device, golden.Type);
        var prompt = model.EncodePrompt(golden.Tensor("prompt_embeds"));
        var noise = new RecordedNoise(golden) { ZerosAfterTheLast = true };
        var denoiser = new StreamBatch(model, prompt, noise, DenoisingCases.ReadOptions(golden.Config));
        return new Denoising(new PublishedChunkDenoiser(denoiser, new ChunkNoiser(Noise(golden), noise)), denoiser, prompt, noise, model);
    }

    private static Denoising OnLanes(GoldenCase golden, IWeightSource weights)
    {
        var options = DenoisingCases.ReadOptions(golden.Config) with { AsPublished = true };
        var ticks = new CaseTicks(golden, weights);
        var runner = ticks.Queue.Runner;
        var steps = options.Timesteps.Count;
        // Each tick of the published system draws for the chunk that comes in, then for all rows but the last; a row holds the chunk that
        // came so many ticks before.
        var noise = new KeyedRecordedNoise(
            golden, runner.Device, (chunk, step) =>
                step == 0 ? chunk * steps : chunk == 0 ? step : (chunk > 0 ? chunk + step - 1 : step + chunk) * steps + step)
        {
            ZerosAfterTheLast = true,
        };
        var state = new ControlState(Noise(golden).Scale, steps, 0, options.Geometry.SinkFrames, options.Geometry.SinkThreshold);
        var mixing = new StreamNoise(Noise(golden), noise);
        var prompt = runner.Encode(golden.Tensor("prompt_embeds").to(runner.Device));
        var pool = runner.CreatePool(options, steps);
        var denoiser = new LaneDenoiser(ticks.Queue, new LaneStream(ticks.Queue, pool, options, noise, 0), Admit);
        return new Denoising(denoiser, denoiser, pool, prompt, ticks);

        (Tensor, ChunkSettings) Admit(long number, LatentChunk chunk)
        {
            var (noisy, first) = mixing.Apply(state, number, chunk.Latents, chunk.Motion);
            return (noisy, new ChunkSettings(prompt, [first ?? options.Timesteps[0], .. options.Timesteps.Skip(1)]));
        }
    }

    private static NoiseOptions Noise(GoldenCase golden) => new() { Scale = golden.Config.GetProperty("noise_scale").GetDouble() };

    private static IEnumerable<FrameChunk> Chunks(Tensor frames, int chunkSize, FramePool pool)
    {
        using var chunker = new Chunker(chunkSize / Chunker.FramesPerLatent);
        var packed = frames.permute(1, 2, 3, 0).contiguous().cpu();
        for (var i = 0; i < packed.size(0); i++)
        {
            var frame = VideoFrame.Rent(pool, (int)packed.size(2), (int)packed.size(1));
            TensorMemory.Span<byte>(packed[i]).CopyTo(frame.Pixels);
            frame.Index = i;
            if (chunker.Add(frame) is { } chunk)
                yield return chunk;
        }
        if (chunker.Finish() is { } rest)
            yield return rest;
    }

    private sealed record Denoising(IChunkDenoiser Chunks, params IDisposable[] Parts) : IDisposable
    {
        public void Dispose() => Array.ForEach(Parts, p => p.Dispose());
    }
}
