using CsCheck;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Stream;

public sealed class ChunkerTests
{
    [Fact]
    public void Add_AnyNumberOfFrames_GivesEachOnceInOrder() =>
        Gen.Select(Gen.Int[0, 40], Gen.Int[1, 3]).Sample((count, latentFrames) =>
        {
            using var pool = new FramePool();
            using var chunker = new Chunker(latentFrames);
            var chunks = new List<FrameChunk>();
            for (var i = 0; i < count; i++)
            {
                var frame = VideoFrame.Rent(pool, 4, 4);
                frame.Index = i;
                if (chunker.Add(frame) is { } chunk)
                    chunks.Add(chunk);
            }
            if (chunker.Finish() is { } rest)
                chunks.Add(rest);

            Assert.Equal(Enumerable.Range(0, count).Select(i => (long)i), chunks.SelectMany(c => c.Timing).Select(t => t.Index));
            for (var i = 0; i < chunks.Count; i++)
            {
                Assert.Equal(i, chunks[i].Index);
                Assert.Equal(4 * latentFrames + (i == 0 ? 1 : 0), chunks[i].Frames.Count);
                // Padding repeats the last real frame.
                Assert.All(chunks[i].Frames.Skip(chunks[i].Timing.Count), f => Assert.Equal(chunks[i].Timing[^1].Index, f.Index));
                chunks[i].Dispose();
            }
            Assert.Equal(0, pool.Outstanding);
        });
}
