namespace StreamDiff.Training.Data;

/// <summary>Letters of 5 x 7 dots, enough for writing to be learned as writing.</summary>
internal static class BitmapFont
{
    private const int Width = 5;
    private const int Height = 7;

    // A row a number, the left dot being the highest bit.
    private static readonly Dictionary<char, int[]> Dots = new()
    {
        ['A'] = [14, 17, 17, 31, 17, 17, 17],
        ['C'] = [14, 17, 16, 16, 16, 17, 14],
        ['D'] = [30, 17, 17, 17, 17, 17, 30],
        ['E'] = [31, 16, 16, 30, 16, 16, 31],
        ['H'] = [17, 17, 17, 31, 17, 17, 17],
        ['I'] = [14, 4, 4, 4, 4, 4, 14],
        ['L'] = [16, 16, 16, 16, 16, 16, 31],
        ['M'] = [17, 27, 21, 21, 17, 17, 17],
        ['N'] = [17, 25, 21, 19, 17, 17, 17],
        ['O'] = [14, 17, 17, 17, 17, 17, 14],
        ['R'] = [30, 17, 17, 30, 20, 18, 17],
        ['S'] = [15, 16, 16, 14, 1, 1, 30],
        ['T'] = [31, 4, 4, 4, 4, 4, 4],
        ['V'] = [17, 17, 17, 17, 10, 10, 4],
        ['X'] = [17, 17, 10, 4, 10, 17, 17],
        ['Z'] = [31, 1, 2, 4, 8, 16, 31],
        ['1'] = [4, 12, 4, 4, 4, 4, 14],
        ['2'] = [14, 17, 1, 2, 4, 8, 31],
        ['4'] = [2, 6, 10, 18, 31, 2, 2],
        ['7'] = [31, 1, 2, 4, 8, 8, 8],
        ['8'] = [14, 17, 17, 14, 17, 17, 14],
    };

    public static string Characters { get; } = string.Concat(Dots.Keys);

    /// <summary>1 on a letter, -1 beside it, for a line of text that fills the unit square.</summary>
    public static float Inside(string text, float x, float y)
    {
        if (x < 0 || x >= 1 || y < 0 || y >= 1)
            return -1;
        var column = (int)(x * text.Length * (Width + 1));
        var dot = column % (Width + 1);
        var row = (int)(y * Height);
        return dot < Width && (Dots[text[column / (Width + 1)]][row] >> (Width - 1 - dot) & 1) == 1 ? 1 : -1;
    }
}
