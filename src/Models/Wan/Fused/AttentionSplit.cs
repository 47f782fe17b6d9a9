using StreamDiff.Models.Cuda;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>
/// How self-attention is cut so that no processor of the device waits at its end. Attention gives each processor a piece at a time, some
/// queries of a head with all keys; pieces seldom make whole rounds, and the last round takes as long as the others. Here the queries that
/// make whole rounds attend in one call, and those left over in a second one, to parts of the keys, whose results are joined.
/// </summary>
/// <param name="First">Queries of each row that attend in the first call.</param>
/// <param name="Parts">Parts of the keys that the rest attends to, of equal length.</param>
internal readonly record struct AttentionSplit(int First, int Parts)
{
    private const int MostParts = 8;
    // Below this share of the time as one call it is worth its while.
    private const double WorthSplitting = 0.92;

    /// <summary>The fastest by the number of rounds; null where one call is.</summary>
    /// <param name="rows">Rows that attend together.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="tokens">Queries of each row and head.</param>
    /// <param name="keys">Keys that each of them attends to.</param>
    /// <param name="pieces">How the device cuts it.</param>
    public static AttentionSplit? For(int rows, int heads, int tokens, int keys, AttentionPieces pieces)
    {
        var whole = Time(tokens, keys);
        AttentionSplit? best = null;
        var least = WorthSplitting * whole;
        for (var first = pieces.Queries; first < tokens; first += pieces.Queries)
            for (var parts = 2; parts <= MostParts; parts++)
            {
                if (keys % parts != 0)
                    continue;
                // Keys are gone through in pieces of the same size.
                var part = (keys / parts + pieces.Queries - 1) / pieces.Queries * pieces.Queries;
                var time = Time(first, keys) + Time(tokens - first, part, parts) + pieces.KeysOfCall;
                if (time >= least)
                    continue;
                (least, best) = (time, new AttentionSplit(first, parts));
            }
        return best;

        double Time(int queries, int length, int times = 1)
        {
            var count = (long)rows * heads * times * ((queries + pieces.Queries - 1) / pieces.Queries);
            return (double)((count + pieces.Processors - 1) / pieces.Processors) * length;
        }
    }
}
