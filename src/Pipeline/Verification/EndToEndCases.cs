using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
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
        using var model = CausalWanModel.Load(DenoisingCases.ReadConfig(config.GetProperty("dit")), .., transformerWeights, golden.Device, golden.Type);
        using var vae = Models.Vae.WanVae.Load(VaeCases.ReadWan(config.GetProperty("vae")), vaeWeights, golden.Device, golden.Type);
        using var prompt = model.EncodePrompt(golden.Tensor("prompt_embeds"));
        using var noise = new RecordedNoise(golden) { ZerosAfterTheLast = true };
        using var denoiser = new StreamBatch(model, prompt, noise, DenoisingCases.ReadOptions(config));
        using var encoder = new ChunkEncoder(vae);
        using var decoder = vae.OpenDecoder();
        var chunks = new ChunkDenoiser(denoiser, new ChunkNoiser(new NoiseOptions { Scale = config.GetProperty("noise_scale").GetDouble() }, noise));

        var pixels = new List<Tensor>();
        foreach (var chunk in Chunks(golden.Tensor("frames"), config.GetProperty("chunk_size").GetInt32(), pool))
        {
            using (chunk)
            using (var latents = encoder.Encode(chunk))
                Decode(chunks.Next(latents));
        }
        while (chunks.Flush() is { } rest)
            Decode(rest);

        compare.Tensors("pixels", golden.Tensor("pixels"), cat(pixels).clamp(-1, 1));

        void Decode(LatentChunk? clean)
        {
            if (clean is null)
                return;
            using (clean)
                pixels.Add(decoder.Decode(clean.Latents)[0].narrow(0, 0, clean.Timing.Count));
        }
    }

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
}
