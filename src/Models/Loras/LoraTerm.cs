namespace StreamDiff.Models.Loras;

/// <summary>What one LoRA adds to one weight of the network, times its strength.</summary>
/// <param name="Weight">The weight's name.</param>
internal abstract record LoraTerm(string Weight)
{
    /// <summary>up @ down * alpha / rank.</summary>
    /// <param name="Weight">The weight's name.</param>
    /// <param name="Down">Name of the tensor [rank, in].</param>
    /// <param name="Up">Name of the tensor [out, rank].</param>
    /// <param name="Rank">Of the product.</param>
    /// <param name="Alpha">Name of the tensor that holds it; null where there is none.</param>
    /// <param name="OwnAlpha">Where there is none: from the header; null for the rank.</param>
    /// <param name="Divisor">What alpha is divided by.</param>
    public sealed record LowRank(string Weight, string Down, string Up, long Rank, string? Alpha, double? OwnAlpha, double Divisor)
        : LoraTerm(Weight);

    /// <summary>The difference itself.</summary>
    /// <param name="Weight">The weight's name.</param>
    /// <param name="Tensor">Its name in the file.</param>
    public sealed record Difference(string Weight, string Tensor) : LoraTerm(Weight);
}
