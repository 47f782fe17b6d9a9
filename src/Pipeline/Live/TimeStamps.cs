using System.Collections.Concurrent;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>Carries the rows of a time bar code around the model, which would paint over them: for measuring only.</summary>
internal sealed class TimeStamps
{
    private const int MostKept = 256;
    private readonly ConcurrentDictionary<long, byte[]> _rows = new();

    public void Keep(VideoFrame frame)
    {
        _rows[frame.Index] = frame.Pixels[..(TimeBarCode.Rows(frame.Height) * frame.Width * 3)].ToArray();
        _rows.TryRemove(frame.Index - MostKept, out _);
    }

    public void Restore(VideoFrame frame)
    {
        if (_rows.TryRemove(frame.Index, out var rows) && rows.Length <= frame.ByteCount)
            rows.CopyTo(frame.Pixels);
    }
}
