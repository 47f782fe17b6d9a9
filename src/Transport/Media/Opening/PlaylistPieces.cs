using System.Globalization;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>
/// Pieces of a playlist in a folder (<c>hls:</c>): STEM-NUMBER.ts beside STEM.m3u8, numbered on from the second, since 1970, in which the
/// output was opened. The output itself removes those of its own time, not those that earlier ones have left.
/// </summary>
public static class PlaylistPieces
{
    // Of any second since 2001: what has fewer is not ours, but a recording of that name in numbered files.
    private const int FewestDigits = 10;
    private const int MostDigits = 18;
    private const string Ending = ".ts";
    private const string Unfinished = ".tmp";

    // Players read what was listed a moment ago.
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Deletes pieces that the playlist does not list, if there is one, and that are older than a minute; what cannot be deleted stays.
    /// </summary>
    /// <param name="playlist">The playlist's file.</param>
    public static void DeleteStale(string playlist)
    {
        var pieces = Of(playlist);
        if (pieces.Count == 0)
        {
            return;
        }

        try
        {
            HashSet<string> listed = File.Exists(playlist) ? [.. File.ReadLines(playlist).Select(l => Path.GetFileName(l.Trim()))] : [];
            var before = DateTime.UtcNow - Recent;
            Delete(pieces.Select(p => p.Path).Where(p => !listed.Contains(Path.GetFileName(p)) && File.GetLastWriteTimeUtc(p) < before));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A playlist that cannot be read lists perhaps all of them.
        }
    }

    /// <summary>Deletes the playlist and its pieces, if they were written since a time.</summary>
    /// <param name="playlist">The playlist's file.</param>
    /// <param name="since">No later than the output was opened first.</param>
    /// <returns>True where there was something to delete.</returns>
    public static bool DeleteSince(string playlist, DateTimeOffset since)
    {
        List<string> files = [.. Of(playlist).Where(p => p.Number >= since.ToUnixTimeSeconds()).Select(p => p.Path)];
        if (File.Exists(playlist) && File.GetLastWriteTimeUtc(playlist) >= since.UtcDateTime)
        {
            files.Add(playlist);
        }

        Delete(files);
        return files.Count > 0;
    }

    private static List<(string Path, long Number)> Of(string playlist)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(playlist));
        if (!Directory.Exists(folder))
        {
            return [];
        }

        var stem = Path.GetFileNameWithoutExtension(playlist) + "-";
        var pieces = new List<(string, long)>();
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            var name = Path.GetFileName(file);
            name = name.EndsWith(Unfinished, StringComparison.Ordinal) ? name[..^Unfinished.Length] : name;
            if (name.StartsWith(stem, StringComparison.Ordinal) && name.EndsWith(Ending, StringComparison.Ordinal)
                && name.Length - stem.Length - Ending.Length is >= FewestDigits and <= MostDigits
                && name[stem.Length] != '0'
                && long.TryParse(
                    name.AsSpan()[stem.Length..^Ending.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                pieces.Add((file, number));
            }
        }

        return pieces;
    }

    private static void Delete(IEnumerable<string> files)
    {
        foreach (var file in files)
        {
            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It is another's by now.
            }
        }
    }
}
