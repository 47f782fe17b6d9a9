namespace StreamDiff.Models.Weights;

/// <summary>Arithmetic on shapes that come from a file and may be anything.</summary>
internal static class TensorShape
{
    /// <summary>More than any network has, and what NumPy allows.</summary>
    public const int MostDimensions = 64;

    private const int WidestElement = 8;

    /// <summary>
    /// Elements of a shape; false where it is no shape of a tensor that could exist, because a dimension is negative or its bytes overflow.
    /// </summary>
    public static bool TryCount(ReadOnlySpan<long> shape, int elementSize, out long elements)
    {
        elements = 1;
        if (shape.Length > MostDimensions)
            return false;
        var span = (Int128)elementSize;
        foreach (var dimension in shape)
        {
            // libtorch computes strides with empty dimensions as one, so these must not overflow either.
            span *= Math.Max(dimension, 1);
            if (dimension < 0 || span > long.MaxValue)
                return false;
            elements *= dimension;
        }
        return true;
    }

    /// <summary>
    /// Elements from the first to the end of the last one; false where a stride is negative or the sum overflows. The shape must have been
    /// counted.
    /// </summary>
    public static bool TryExtent(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, out long extent)
    {
        extent = 0;
        if (shape.Length != strides.Length)
            return false;
        Int128 last = 0;
        var empty = false;
        for (var i = 0; i < shape.Length; i++)
        {
            last += (Int128)Math.Max(shape[i] - 1, 0) * strides[i];
            if (strides[i] < 0 || last > long.MaxValue / WidestElement)
                return false;
            empty |= shape[i] == 0;
        }
        extent = empty ? 0 : (long)last + 1;
        return true;
    }
}
