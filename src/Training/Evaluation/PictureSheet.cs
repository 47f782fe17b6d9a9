using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Stills;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>Pictures side by side in one PNG.</summary>
internal static class PictureSheet
{
    private const int Gap = 4;

    /// <param name="path">Replaced where it exists.</param>
    /// <param name="rows">Pictures [3, H, W] in [0, 1], all of one size.</param>
    public static void Write(string path, IReadOnlyList<IReadOnlyList<Tensor>> rows)
    {
        using var scope = NewDisposeScope();
        var (height, width) = ((int)rows[0][0].size(1), (int)rows[0][0].size(2));
        var columns = rows.Max(r => r.Count);
        var sheet = ones([3, rows.Count * (height + Gap) - Gap, columns * (width + Gap) - Gap]);
        for (var row = 0; row < rows.Count; row++)
            for (var column = 0; column < rows[row].Count; column++)
                sheet.narrow(1, row * (height + Gap), height).narrow(2, column * (width + Gap), width).copy_(rows[row][column]);
        var bytes = sheet.clamp(Scalars.Of(0), Scalars.One).mul(Scalars.Of(255f)).round().to_type(ScalarType.Byte).permute(1, 2, 0)
            .contiguous();
        StillWriter.Write(path, TensorMemory.Span<byte>(bytes), (int)bytes.size(1), (int)bytes.size(0));
    }
}
