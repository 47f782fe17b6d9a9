using StreamDiff.Models.Registry;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Text;

/// <summary>From a prompt as the user wrote it to the embeddings that the transformer reads.</summary>
/// <param name="tokenizer">Cuts prompts into tokens.</param>
/// <param name="encoder">The network.</param>
/// <param name="styles">The styles that the model knows, where it knows nothing else.</param>
public sealed class TextEncoder(PromptTokenizer tokenizer, Umt5Encoder encoder, StyleList? styles = null) : IDisposable
{
    private readonly PromptVocabulary? _vocabulary = styles is null ? null : new PromptVocabulary([.. styles.All]);
    private StyleHearing? _hearing;

    /// <exception cref="ModelException">A file is missing, damaged, or does not fit.</exception>
    public static TextEncoder Load(
        string tokenizerPath, int textLength, Umt5Config config, IWeightSource weights, Device device, ScalarType type,
        StyleList? styles = null)
    {
        var pieces = SentencePieceTokenizer.Load(tokenizerPath);
        if (pieces.VocabularySize > config.Vocabulary)
            throw new ModelException(
                $"{tokenizerPath} has {pieces.VocabularySize} pieces, the text encoder knows {config.Vocabulary}: they do not belong "
                    + "together");
        return new TextEncoder(new PromptTokenizer(pieces, textLength), Umt5Encoder.Load(config, weights, device, type), styles);
    }

    /// <summary>float32 [1, text length, dim], rows of padding zero; and whether the end of the prompt had to be left out.</summary>
    public (Tensor Embeddings, bool Truncated) Encode(string prompt)
    {
        var (embeddings, tokens, _) = Weighted(prompt);
        return (embeddings, tokens.Truncated);
    }

    /// <summary>The same, and what the model makes of the prompt. Not for several threads at once.</summary>
    public (Tensor Embeddings, PromptReading Reading) Read(string prompt)
    {
        var (embeddings, tokens, plain) = Weighted(prompt);
        if (styles is null)
            return (embeddings, new PromptReading(prompt, tokens.Truncated, null, []));
        using var scope = NewDisposeScope();
        _hearing ??= new StyleHearing(styles, Means);
        var heard = _hearing.Of(embeddings[0].narrow(0, 0, tokens.Length).mean([0]));
        return (embeddings,
            new PromptReading(prompt, tokens.Truncated, _vocabulary!.Read(plain), StyleHearing.Loud(heard)) { Shares = heard });
    }

    public void Dispose()
    {
        _hearing?.Dispose();
        encoder.Dispose();
    }

    private (Tensor Embeddings, PromptTokens Tokens, string Plain) Weighted(string prompt)
    {
        var (plain, parts) = PromptWeights.Read(prompt);
        var tokens = tokenizer.Tokenize(plain);
        var embeddings = encoder.Encode(tokens);
        if (parts.Count == 0)
            return (embeddings, tokens, plain);
        using var scope = NewDisposeScope();
        // Pieces do not cross words: those of a part are those that come with it.
        int Before(int end) => Math.Min(tokenizer.Count(plain[..end]), tokens.Length - 1);
        var weights = Enumerable.Repeat(1f, (int)embeddings.size(1)).ToArray();
        foreach (var (start, end, weight) in parts)
            Array.Fill(weights, (float)weight, Before(start), Before(end) - Before(start));
        var factors = tensor(weights, [1, weights.Length, 1], device: embeddings.device);
        return (embeddings.mul_(factors), tokens, plain);
    }

    // Mean of the output over each prompt's tokens, [prompts, dim]. All at once and no longer than the longest, which takes a few
    // milliseconds for a small encoder.
    private Tensor Means(IReadOnlyList<string> prompts)
    {
        using var scope = NewDisposeScope();
        var tokens = prompts.Select(tokenizer.Tokenize).ToList();
        var longest = tokens.Max(t => t.Length);
        var ids = tensor(tokens.SelectMany(t => t.Ids.Take(longest)).ToArray(), [tokens.Count, longest], device: encoder.Device);
        var lengths = tensor(tokens.Select(t => (long)t.Length).ToArray(), [tokens.Count, 1], device: encoder.Device);
        var mask = arange(Scalars.Of(0), Scalars.Of(longest), Scalars.One, device: encoder.Device).unsqueeze(0).lt(lengths);
        return encoder.Encode(ids, mask).Embeddings.sum(1).div(lengths).MoveToOuterDisposeScope();
    }
}
