using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Pipeline.Runs;

/// <summary>Pictures of one size in rows, as one still.</summary>
internal static class PictureGrid
{
    private const int Gap = 4;

    /// <param name="path">The file, .png or .jpg.</param>
    /// <param name="size">Of each picture.</param>
    /// <param name="rows">Packed RGB; null leaves a place black.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void Write(string path, (int Width, int Height) size, IReadOnlyList<IReadOnlyList<byte[]?>> rows)
    {
        var columns = rows.Max(r => r.Count);
        var (width, height) = (columns * (size.Width + Gap) - Gap, rows.Count * (size.Height + Gap) - Gap);
        var sheet = new byte[width * height * 3];
        for (var row = 0; row < rows.Count; row++)
            for (var column = 0; column < rows[row].Count; column++)
                if (rows[row][column] is { } picture)
                    Paste(sheet, width, picture, size, column * (size.Width + Gap), row * (size.Height + Gap));
        StillWriter.Write(path, sheet, width, height);
    }

    private static void Paste(byte[] sheet, int sheetWidth, byte[] picture, (int Width, int Height) size, int x, int y)
    {
        for (var row = 0; row < size.Height; row++)
            picture.AsSpan(row * size.Width * 3, size.Width * 3).CopyTo(sheet.AsSpan(((y + row) * sheetWidth + x) * 3));
    }
}
