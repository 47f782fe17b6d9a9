using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>
/// The last work on a file that was written in fragments: an ordinary file with its index in front. Takes as long as copying it; can be left out, the file plays without.
/// </summary>
public sealed class RecordingFinish
{
    private readonly string _shown;
    private readonly string _format;
    private readonly WrittenFile _file;
    private readonly IReadOnlyList<StreamTimes> _times;

    internal RecordingFinish(string shown, string format, WrittenFile file, IReadOnlyList<StreamTimes> times) =>
        (_shown, _format, _file, _times) = (shown, format, file, times);

    /// <summary>Does it. Null when it is done, else why the file keeps its fragments, for the user.</summary>
    public string? Run()
    {
        try
        {
            _file.Improve(copy => FastStart.Write(_file.CurrentPath, copy, _format, _times));
            return null;
        }
        catch (Exception error) when (error is MediaException or IOException)
        {
            var why = error.Message.TrimEnd('.');
            return $"'{_shown}' plays but keeps its index in pieces, with which seeking is slower: no whole copy could be written ({why}).";
        }
    }
}
