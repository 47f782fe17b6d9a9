using System.Security.Cryptography;
using System.Text;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Which self-attention heads look back on the whole window of the rolling cache ("retrieval heads" of DuoAttention, arXiv 2410.10819) and
/// which do with its first frames and the newest ones ("streaming heads"): a block holds fewer keys and values for those. What a streaming
/// head sees is what it would see of the whole window with everything else masked, places in the window included; only in a window longer
/// than <paramref name="WindowFrames"/> the first frames stay as far away as in one of that length, which the network knows.
/// </summary>
/// <param name="WindowFrames">Window that it was measured in.</param>
/// <param name="SinkFrames">Frames at the window's start that streaming heads see.</param>
/// <param name="RecentFrames">Newest frames that they see, a chunk's own included; of a longer chunk they see all of it.</param>
/// <param name="Retrieval">By block of the whole network the retrieval heads, rising; all others are streaming heads.</param>
public sealed record HeadSplit(int WindowFrames, int SinkFrames, int RecentFrames, IReadOnlyList<IReadOnlyList<int>> Retrieval)
{
    /// <summary>What tells one split from another, 12 hexadecimal digits.</summary>
    public string Digest { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{WindowFrames} {SinkFrames} {RecentFrames} {string.Join('|', Retrieval.Select(heads => string.Join(',', heads)))}")))[..12];

    /// <summary>Frames that a streaming head's cache holds in a window of so many.</summary>
    public int StreamingFrames(int windowFrames) => Math.Min(windowFrames, SinkFrames + RecentFrames);

    /// <summary>Frames of the window's start that it holds; the others are the newest ones.</summary>
    internal int StreamingSinks(int windowFrames) => StreamingFrames(windowFrames) - Math.Min(RecentFrames, windowFrames);

    /// <summary>Place of a slot of the window's start as streaming heads see it.</summary>
    /// <param name="slot">From 0.</param>
    /// <param name="place">Its place in the window.</param>
    /// <param name="frames">Frames that the window holds.</param>
    internal short PlaceOf(int slot, short place, int frames) => (short)Math.Max(place, frames - WindowFrames + slot);

    /// <summary>Frames held by all heads of a block together, as a share of what they would hold without a split.</summary>
    /// <param name="block">Of the whole network.</param>
    /// <param name="heads">Heads of a block.</param>
    /// <param name="windowFrames">Frames of the window.</param>
    public double ShareHeld(int block, int heads, int windowFrames)
    {
        var whole = Retrieval[block].Count;
        return (whole + (heads - whole) * (double)StreamingFrames(windowFrames) / windowFrames) / heads;
    }

    /// <summary>The same of the whole network.</summary>
    public double ShareHeld(int heads, int windowFrames) =>
        Enumerable.Range(0, Retrieval.Count).Average(block => ShareHeld(block, heads, windowFrames));

    /// <summary>In a few words.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"{Retrieval.Sum(heads => heads.Count)} retrieval heads, the others see {SinkFrames} first and {RecentFrames} newest frames ")
        + $"({Digest})";

    /// <summary>The heads of a block whose caches differ in length, retrieval heads first; neither is empty where both are there.</summary>
    internal (int[] Retrieval, int[] Streaming) Of(int block, int heads)
    {
        int[] whole = [.. Retrieval[block]];
        return (whole, [.. Enumerable.Range(0, heads).Except(whole)]);
    }
}
