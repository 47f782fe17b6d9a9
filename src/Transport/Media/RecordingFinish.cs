namespace StreamDiff.Transport.Media;

/// <summary>
/// The last work on a file that was written in fragments: an ordinary file with its index in front. Takes as long as copying it; can be
/// left out, the file plays without.
/// </summary>
public sealed class RecordingFinish
{
    private readonly string _shown;
    private readonly Action _copy;

    /// <param name="shown">The file as the user knows it.</param>
    /// <param name="copy">Puts a whole copy in its place, or throws and leaves it as it is.</param>
    internal RecordingFinish(string shown, Action copy) => (_shown, _copy) = (shown, copy);

    /// <summary>Does it. Null when it is done, else why the file keeps its fragments, for the user.</summary>
    public string? Run()
    {
        try
        {
            _copy();
            return null;
        }
        catch (Exception error) when (error is MediaException or IOException)
        {
            var why = error.Message.TrimEnd('.');
            return $"'{_shown}' plays but keeps its index in pieces, with which seeking is slower: no whole copy could be written ({why}).";
        }
    }
}
