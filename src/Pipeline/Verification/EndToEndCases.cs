using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Scheduling.Noise;
using StreamDiff.Transport.Media;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>Frames to frames through the product's own chunking, encoding, noise, denoising and decoding.</summary>
internal static class EndToEndCases
{
    public static void EndToEnd(GoldenCase golden, Comparison compare)
    {
        var config = golden.Config;
        using var pool = new FramePool();
        using var transformerWeights = golden.WeightsBelow("dit.");
        using var vaeWeights = golden.WeightsBelow("vae.");
        using var vae = Models.Vae.WanVae.Load(VaeCases.ReadWan(config.GetProperty("vae")), vaeWeights, golden.Device, golden.Type);
        using var noise = new RecordedNoise(golden) { ZerosAfterTheLast = true };
        using var denoising = golden.Ranks.Count > 1 ? OnRanks(golden, transformerWeights, noise) : OnOneRank(golden, transformerWeights, noise);
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

        compare.Tensors("pixels", golden.Tensor("pixels"), cat(pixels).clamp(Scalars.Of(-1), Scalars.One));

        void Decode(LatentChunk? clean)
        {
            if (clean is null)
                return;
            using (clean)
                pixels.Add(decoder.Decode(clean.Latents)[0].narrow(0, 0, clean.Timing.Count));
        }
    }

    private static Denoising OnOneRank(GoldenCase golden, IWeightSource weights, RecordedNoise noise)
    {
        var model = CausalWanModel.Load(DenoisingCases.ReadConfig(golden.Config.GetProperty("dit")), .., weights, golden.Device, golden.Type);
        var prompt = model.EncodePrompt(golden.Tensor("prompt_embeds"));
        var denoiser = new StreamBatch(model, prompt, noise, DenoisingCases.ReadOptions(golden.Config));
        return new Denoising(new ChunkDenoiser(denoiser, Noiser(golden, noise)), denoiser, prompt, model);
    }

    private static Denoising OnRanks(GoldenCase golden, IWeightSource weights, RecordedNoise noise)
    {
        var ring = new CaseRing(golden, weights);
        var prompt = golden.Tensor("prompt_embeds").cpu();
        var denoiser = new Ranks.RankedChunkDenoiser(ring.Ring, Noiser(golden, noise), noise, DenoisingCases.ReadOptions(golden.Config), batch: true, prompt, golden.Device);
        return new Denoising(denoiser, denoiser, ring);
    }

    private static ChunkNoiser Noiser(GoldenCase golden, RecordedNoise noise) => new(new NoiseOptions { Scale = golden.Config.GetProperty("noise_scale").GetDouble() }, noise);

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
