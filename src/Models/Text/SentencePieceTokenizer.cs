namespace StreamDiff.Models.Text;

/// <summary>
/// SentencePiece's unigram tokenizer: the most likely sequence of pieces, found by dynamic programming over the normalised bytes. Gives the
/// same ids as spm_encode, byte fallback and unknown characters included. Safe for several threads.
/// </summary>
public sealed class SentencePieceTokenizer
{
    // As in SentencePiece: an unknown character costs this much more than the least likely piece.
    private const float UnknownPenalty = 10;

    private readonly SentencePieceModel _model;
    private readonly TextNormalizer _normalizer;
    private readonly PieceTrie _trie;
    private readonly int[] _byteIds = new int[256];
    private readonly int _unknownId;
    private readonly float _unknownScore;
    private readonly float _mostLikely;

    private SentencePieceTokenizer(SentencePieceModel model)
    {
        _model = model;
        _normalizer = new TextNormalizer(model);
        _trie = new PieceTrie(model.Pieces.Sum(p => (long)p.Length));
        var (least, most) = (float.MaxValue, float.MinValue);
        Array.Fill(_byteIds, -1);
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            switch (model.Types[id])
            {
                case PieceType.Normal:
                    least = Math.Min(least, model.Scores[id]);
                    most = Math.Max(most, model.Scores[id]);
                    _trie.Add(model.Pieces[id], id);
                    break;
                case PieceType.UserDefined or PieceType.Unused:
                    _trie.Add(model.Pieces[id], id);
                    break;
                case PieceType.Byte:
                    _byteIds[SentencePieceModel.ByteOf(model.Pieces[id])] = id;
                    break;
                case PieceType.Unknown:
                    _unknownId = id;
                    break;
            }
        }
        if (model.ByteFallback && _byteIds.Contains(-1))
            throw new InvalidDataException("it promises a piece for each byte, and some are missing");
        _unknownScore = least - UnknownPenalty;
        _mostLikely = most;
    }

    /// <summary>Pieces in the vocabulary.</summary>
    public int VocabularySize => _model.Pieces.Count;

    /// <summary>Reads a spiece.model file.</summary>
    /// <exception cref="ModelException">It is missing, damaged or not a unigram model.</exception>
    public static SentencePieceTokenizer Load(string path)
    {
        var model = SentencePieceModel.Read(path);
        try
        {
            return new SentencePieceTokenizer(model);
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{path} is not a SentencePiece unigram model, or is damaged: {e.Message}", e);
        }
    }

    /// <summary>Ids of the text's pieces, no end mark added.</summary>
    public int[] Encode(string text)
    {
        var normalized = _normalizer.Normalize(text);
        var best = FindBestPath(normalized);

        var ids = new List<int>();
        var wasUnknown = false;
        for (var end = normalized.Length; end > 0; end = best[end].Start)
        {
            var unknown = best[end].Id == _unknownId;
            if (unknown && _model.ByteFallback)
            {
                for (var i = end - 1; i >= best[end].Start; i--)
                    ids.Add(_byteIds[normalized[i]]);
            }
            else if (!unknown || !wasUnknown)
            {
                // Unknown characters side by side are one unknown piece.
                ids.Add(best[end].Id);
            }
            wasUnknown = unknown;
        }
        ids.Reverse();
        return [.. ids];
    }

    private Step[] FindBestPath(ReadOnlySpan<byte> text)
    {
        var best = new Step[text.Length + 1];
        Array.Fill(best, new Step(-1, 0, -1));
        for (var start = 0; start < text.Length;)
        {
            var soFar = best[start].Score;
            var character = Utf8.CharacterLength(text[start..]);
            var hasCharacter = false;
            var node = 0;
            for (var end = start + 1; end <= text.Length && (node = _trie.Child(node, text[end - 1])) >= 0; end++)
            {
                var id = _trie.Id(node);
                if (id < 0 || _model.Types[id] == PieceType.Unused)
                    continue;
                var score = _model.Types[id] == PieceType.UserDefined ? (float)((end - start) * _mostLikely - 0.1) : _model.Scores[id];
                Offer(ref best[end], id, score + soFar, start);
                hasCharacter |= end - start == character;
            }
            if (!hasCharacter)
                Offer(ref best[start + character], _unknownId, _unknownScore + soFar, start);
            start += character;
        }
        return best;
    }

    private static void Offer(ref Step step, int id, float score, int start)
    {
        if (step.Start < 0 || score > step.Score)
            step = new Step(id, score, start);
    }

    private readonly record struct Step(int Id, float Score, int Start);
}
