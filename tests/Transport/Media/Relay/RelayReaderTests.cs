using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Transport.Tests.Media.Relay;

public sealed class RelayReaderTests
{
    [Fact]
    public async Task ReadAll_SmallPieces_ComeTogetherAndWhole()
    {
        var reader = new RelayReader(10_000);
        foreach (var length in (int[])[188, 188, 188, 700, 188, 2000, 100])
            Assert.True(reader.TryWrite(new byte[length]));
        reader.End();

        var lengths = new List<int>();
        await foreach (var bytes in reader.ReadAll(800, default))
            lengths.Add(bytes.Length);

        Assert.Equal([564, 700, 188, 2000, 100], lengths);
    }

    [Fact]
    public async Task TryWrite_ReaderThatTakesNothing_IsCutOffByBytesNotByPieces()
    {
        var reader = new RelayReader(1 << 20);
        var written = 0;
        while (reader.TryWrite(new byte[188]))
            written++;

        Assert.Equal((1 << 20) / 188, written);
        var read = 0;
        await foreach (var bytes in reader.ReadAll(1316, default))
            read += bytes.Length;
        Assert.Equal(written * 188, read);
    }
}
