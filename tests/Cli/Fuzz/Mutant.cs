namespace StreamDiff.Cli.Tests.Fuzz;

/// <summary>Damages bytes: each number gives the same damage again.</summary>
internal static class Mutant
{
    private static readonly byte[][] Telling =
    [
        [0], [0xff], [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], .. new[]
        {
            "[[[[[[[[", "{{{{", "\"", "\\ud800", "*a", "&a ", "NaN", "Infinity", "-1", "1e400", "99999999999999999999", "\n", "\t",
                "null", "~", ": ",
            "../../", "/dev/zero", "%s%n", "$(id)", "rtmp://", "\0",
        }.Select(System.Text.Encoding.UTF8.GetBytes),
    ];

    /// <summary>A few places changed, cut, repeated, filled, or made something that often breaks readers.</summary>
    public static byte[] Of(byte[] original, int seed)
    {
        var random = new Random(seed);
        var bytes = original.ToList();
        for (var n = random.Next(1, 7); n > 0 && bytes.Count > 0; n--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 64), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 4:
                    for (var i = at; i < at + length; i++)
                        bytes[i] = (byte)(random.Next(2) * 255);
                    break;
                case 5:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 6:
                    var word = Telling[random.Next(Telling.Length)];
                    bytes.InsertRange(at, Enumerable.Repeat(word, random.Next(3) == 0 ? random.Next(1, 2000) : 1).SelectMany(w => w));
                    break;
                default:
                    var part = Telling[random.Next(Telling.Length)];
                    for (var i = 0; i < part.Length && at + i < bytes.Count; i++)
                        bytes[at + i] = part[i];
                    break;
            }
        }
        return [.. bytes];
    }
}
