using StreamDiff.Models;
using StreamDiff.Models.Text;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>Prompts of one step as the text encoder takes them.</summary>
internal static class PromptBatch
{
    /// <summary>int64 [prompts, tokens] and bool of the same shape; only as long as the longest prompt.</summary>
    public static (Tensor Ids, Tensor Mask) Of(PromptTokenizer tokenizer, IReadOnlyList<StylePrompt> prompts, Device device)
    {
        var tokens = prompts.Select(p => tokenizer.Tokenize(p.Text)).ToArray();
        var length = tokens.Max(t => t.Length);
        var ids = tensor(tokens.SelectMany(t => t.Ids.Take(length)).ToArray(), [tokens.Length, length], device: device);
        var lengths = tensor(Array.ConvertAll(tokens, t => (long)t.Length), device: device);
        return (ids, arange(Scalars.Of(0), Scalars.Of(length), Scalars.One, device: device).unsqueeze(0).lt(lengths.unsqueeze(1)));
    }
}
