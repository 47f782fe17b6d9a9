using System.Text.Json;
using StreamDiff.Models;
using StreamDiff.Models.Vae;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

internal static class VaeCases
{
    public static void WanVae(GoldenCase golden, Comparison compare)
    {
        using var vae = Models.Vae.WanVae.Load(ReadWan(golden.Config), golden.Weights, golden.Device, golden.Type);
        Chunks(golden, compare, "encode_chunks", "video", "stream_latent", vae.EncodeChunk);
        Chunks(golden, compare, "decode_chunks", "z", "stream_pixels", vae.DecodeChunk);
        compare.Tensors("full_latent", golden.Tensor("full_latent"), vae.EncodeClip(golden.Tensor("video")));
        using var memory = new StreamMemory();
        compare.Tensors("full_pixels", golden.Tensor("full_pixels"), vae.DecodeChunk(golden.Tensor("z"), memory));
    }

    public static void Taehv(GoldenCase golden, Comparison compare)
    {
        using var vae = Models.Vae.Taehv.Load(ReadTaehv(golden.Config), golden.Weights, golden.Device, golden.Type);
        compare.Tensors("latent", golden.Tensor("latent"), PerClip(golden.Tensor("video"), vae.EncodeFrames));
        compare.Tensors("pixels", golden.Tensor("pixels"), PerClip(golden.Tensor("z"), vae.DecodeLatents));
        StreamedPixels(golden, compare, vae);
        PublishedStream(golden, compare, vae);
    }

    internal static WanVaeConfig ReadWan(JsonElement config) => new()
    {
        Dim = config.GetProperty("dim").GetInt32(),
        LatentChannels = config.GetProperty("z_dim").GetInt32(),
        Multipliers = [.. config.GetProperty("dim_mult").EnumerateArray().Select(e => e.GetInt32())],
        ResidualBlocks = config.GetProperty("num_res_blocks").GetInt32(),
        TimeDownsample = [.. config.GetProperty("temporal_downsample").EnumerateArray().Select(e => e.GetBoolean())],
        Mean = [.. config.GetProperty("mean").EnumerateArray().Select(e => e.GetDouble())],
        Deviation = [.. config.GetProperty("std").EnumerateArray().Select(e => e.GetDouble())],
    };

    private static TaehvConfig ReadTaehv(JsonElement config) => new()
    {
        EncoderWidths = [.. Enumerable.Repeat(config.GetProperty("encoder_width").GetInt32(), 4)],
        DecoderWidths = [.. config.GetProperty("decoder_widths").EnumerateArray().Select(e => e.GetInt32())],
    };

    private static void Chunks(
        GoldenCase golden, Comparison compare, string ranges, string input, string output, Func<Tensor, StreamMemory, Tensor> run)
    {
        using var memory = new StreamMemory();
        var index = 0;
        foreach (var range in golden.Config.GetProperty(ranges).EnumerateArray())
        {
            var (start, end) = (range[0].GetInt64(), range[1].GetInt64());
            var name = $"{output}_{index++}";
            compare.Tensors(name, golden.Tensor(name), run(golden.Tensor(input).narrow(2, start, end - start), memory));
        }
    }

    private static Tensor PerClip(Tensor clips, Func<Tensor, StreamMemory, Tensor> run)
    {
        var results = new Tensor[clips.size(0)];
        for (var i = 0; i < results.Length; i++)
        {
            using var memory = new StreamMemory();
            results[i] = run(clips[i], memory);
        }
        return stack(results);
    }

    // Memory kept across calls gives what decoding the whole clip gives.
    private static void StreamedPixels(GoldenCase golden, Comparison compare, Taehv vae)
    {
        var ranges = golden.Config.GetProperty("decode_chunks");
        var streamed = PerClip(golden.Tensor("z"), (z, memory) => cat(ranges.EnumerateArray()
            .Select(r => vae.DecodeLatents(z.narrow(0, r[0].GetInt64(), r[1].GetInt64() - r[0].GetInt64()), memory)).ToList()));
        compare.Tensors("streamed pixels", golden.Tensor("pixels").narrow(1, 0, streamed.size(1)), streamed);
    }

    // The published wrapper decodes a few latents again at every call and keeps the last four frames for each new one.
    private static void PublishedStream(GoldenCase golden, Comparison compare, Taehv vae)
    {
        var context = golden.Config.Needs("decode_context_latents");
        var index = 0;
        foreach (var range in golden.Config.GetProperty("decode_chunks").EnumerateArray())
        {
            var (start, end) = (range[0].GetInt64(), range[1].GetInt64());
            var first = Math.Max(start - context, 0);
            var decoded = PerClip(golden.Tensor("z").narrow(1, first, end - first), vae.DecodeLatents);
            var kept = 4 * (index == 0 ? end - start - 1 : end - start);
            var name = $"context_pixels_{index++}";
            // A first chunk of one latent gives no frames, and an empty tensor need not be recorded.
            if (kept > 0 || golden.Has(name))
                compare.Tensors(name, golden.Tensor(name),
                    decoded.narrow(1, decoded.size(1) - kept, kept).mul(Scalars.Of(2)).sub(Scalars.One).clamp(Scalars.Of(-1), Scalars.One));
        }
    }
}
