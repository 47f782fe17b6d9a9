namespace StreamDiff.Models.Wan;

/// <summary>
/// Which frames of a whole clip see which others, as a stream with a rolling KV cache would have it. Frames are latent frames; the first
/// <paramref name="FirstChunk"/> of them form one chunk, every later one is a chunk of its own.
/// </summary>
/// <param name="WindowFrames">Frames that a frame sees, itself and the sinks included.</param>
/// <param name="SinkFrames">Frames at the start that stay visible.</param>
/// <param name="FirstChunk">Frames of the first chunk. Default 2, what a stream's first five video frames give.</param>
public sealed record SequenceLayout(int WindowFrames, int SinkFrames, int FirstChunk = 2)
{
    /// <summary>Place in the window of a frame's queries, which is what its rotation in time goes by.</summary>
    public int PlaceOf(int frame) => Math.Min(frame, WindowFrames - 1);

    /// <summary>Frames that attend together or alike.</summary>
    internal IEnumerable<SequenceGroup> Groups(int frames)
    {
        yield return new SequenceGroup(0, 1, FirstChunk, [.. Enumerable.Range(0, FirstChunk)]);
        for (var frame = FirstChunk; frame < Math.Min(WindowFrames, frames); frame++)
            yield return new SequenceGroup(frame, 1, 1, [.. Enumerable.Range(0, frame + 1)]);
        // From here on all windows are full: the same number of keys for each.
        if (frames > WindowFrames)
            yield return new SequenceGroup(
                WindowFrames, frames - WindowFrames, 1, [.. Enumerable.Range(WindowFrames, frames - WindowFrames).SelectMany(Window)]);
    }

    private IEnumerable<int> Window(int frame) =>
        Enumerable.Range(0, SinkFrames).Concat(Enumerable.Range(frame - (WindowFrames - SinkFrames) + 1, WindowFrames - SinkFrames));
}

/// <summary>Queries that attend in one call.</summary>
/// <param name="First">First frame of the queries.</param>
/// <param name="Windows">How many windows there are, one after the other.</param>
/// <param name="Queries">Frames of queries per window.</param>
/// <param name="Keys">Frames of keys, all windows one after the other, each in the order of its places.</param>
internal sealed record SequenceGroup(int First, int Windows, int Queries, long[] Keys);
