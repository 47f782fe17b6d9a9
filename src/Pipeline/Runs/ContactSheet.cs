using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Runs;

/// <summary>A picture of a run: a few frames as they came in above the same frames as they went out.</summary>
internal sealed class ContactSheet
{
    private const int Columns = 4;
    private const int FramesApartWhenUnknown = 30;

    private readonly long[] _wanted;
    private readonly byte[]?[] _before = new byte[Columns][];
    private readonly byte[]?[] _after = new byte[Columns][];
    private readonly int _width;
    private readonly int _height;

    /// <param name="video">Size of the frames, and how many to expect.</param>
    public ContactSheet(VideoStreamInfo video)
    {
        (_width, _height) = (video.Width, video.Height);
        var apart = video.FrameCountEstimate is { } count ? Math.Max(count / Columns, 1) : FramesApartWhenUnknown;
        _wanted = [.. Enumerable.Range(0, Columns).Select(i => i * apart)];
    }

    public void AddBefore(VideoFrame frame) => Keep(_before, frame);

    public void AddAfter(VideoFrame frame) => Keep(_after, frame);

    /// <summary>Writes the frames that came by; columns of frames that never came are left out.</summary>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public void Write(string path)
    {
        var columns = Enumerable.Range(0, Columns).Where(i => _before[i] is not null && _after[i] is not null).ToList();
        if (columns.Count == 0)
            return;
        PictureGrid.Write(path, (_width, _height), [[.. columns.Select(i => _before[i])], [.. columns.Select(i => _after[i])]]);
    }

    private void Keep(byte[]?[] row, VideoFrame frame)
    {
        var column = Array.IndexOf(_wanted, frame.Index);
        if (column >= 0)
            row[column] = frame.Pixels.ToArray();
    }
}
