using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Text;

/// <summary>From a prompt as the user wrote it to the embeddings that the transformer reads.</summary>
public sealed class TextEncoder(PromptTokenizer tokenizer, Umt5Encoder encoder) : IDisposable
{
    /// <exception cref="ModelException">A file is missing, damaged, or does not fit.</exception>
    public static TextEncoder Load(string tokenizerPath, int textLength, Umt5Config config, IWeightSource weights, Device device, ScalarType type)
    {
        var pieces = SentencePieceTokenizer.Load(tokenizerPath);
        if (pieces.VocabularySize > config.Vocabulary)
            throw new ModelException($"{tokenizerPath} has {pieces.VocabularySize} pieces, the text encoder knows {config.Vocabulary}: they do not belong together");
        return new TextEncoder(new PromptTokenizer(pieces, textLength), Umt5Encoder.Load(config, weights, device, type));
    }

    /// <summary>float32 [1, text length, dim], rows of padding zero; and whether the end of the prompt had to be left out.</summary>
    public (Tensor Embeddings, bool Truncated) Encode(string prompt)
    {
        var tokens = tokenizer.Tokenize(prompt);
        return (encoder.Encode(tokens), tokens.Truncated);
    }

    public void Dispose() => encoder.Dispose();
}
