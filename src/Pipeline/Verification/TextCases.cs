using StreamDiff.Models.Text;

namespace StreamDiff.Pipeline.Verification;

internal static class TextCases
{
    public static void Umt5(GoldenCase golden, Comparison compare)
    {
        var config = new Umt5Config
        {
            Vocabulary = golden.Config.GetProperty("vocab").GetInt32(),
            Dim = golden.Config.GetProperty("dim").GetInt32(),
            AttentionDim = golden.Config.GetProperty("dim_attn").GetInt32(),
            FfnDim = golden.Config.GetProperty("dim_ffn").GetInt32(),
            Heads = golden.Config.GetProperty("num_heads").GetInt32(),
            Layers = golden.Config.GetProperty("num_layers").GetInt32(),
            Buckets = golden.Config.GetProperty("num_buckets").GetInt32(),
            SharedPositions = golden.Config.GetProperty("shared_pos").GetBoolean(),
        };
        using var encoder = Umt5Encoder.Load(config, golden.Weights, golden.Device, golden.Type);
        var (hidden, embeddings) = encoder.Encode(golden.Tensor("ids"), golden.Tensor("mask"));
        compare.Tensors("hidden", golden.Tensor("hidden"), hidden);
        compare.Tensors("prompt_embeds", golden.Tensor("prompt_embeds"), embeddings);
    }
}
