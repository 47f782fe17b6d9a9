using StreamDiff.Transport.Files;

namespace StreamDiff.Transport.Media;

/// <summary>Finds, before any work is done, the reasons for which a file cannot be written.</summary>
internal static class OutputPath
{
    /// <exception cref="MediaException">It cannot be written, or is the input.</exception>
    public static void ThrowIfUnusable(string output, string? input)
    {
        if (string.IsNullOrWhiteSpace(output))
        {
            throw new MediaException("No output was given: name a file such as out.mp4, or null: to write nothing.");
        }

        if (FileRules.Problems([.. FileUse.Reads(("input", input)), FileUse.Write("output", output)]) is [var problem, ..])
        {
            throw new MediaException($"{char.ToUpperInvariant(problem[0])}{problem[1..]}.");
        }
    }
}
