using CsCheck;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

public sealed class HostPayloadTests
{
    [Fact]
    public void Memory_AnySizesAtTheSameTime_AreWholeAndApart() =>
        Gen.Int[0, 300_000].Array[1, 12].Sample(sizes =>
        {
            var payloads = Array.ConvertAll(sizes, s => new HostPayload(ElementType.U8, [s]));
            for (var i = 0; i < payloads.Length; i++)
            {
                Assert.Equal(sizes[i], payloads[i].Memory.Length);
                Assert.Equal(0, payloads[i].Address % 64);
                payloads[i].Memory.Span.Fill((byte)i);
            }
            for (var i = 0; i < payloads.Length; i++)
                Assert.True(payloads[i].Memory.Span.IndexOfAnyExcept((byte)i) < 0);
            Array.ForEach(payloads, p => p.Dispose());
        }, iter: 300);

    [Fact]
    public void Dispose_Often_KeepsALittleOnly()
    {
        for (var i = 0; i < 50; i++)
        {
            var payloads = Enumerable.Range(0, 10).Select(_ => new HostPayload(ElementType.U8, [32 << 20])).ToList();
            payloads.ForEach(p => p.Dispose());
            payloads.ForEach(p => p.Dispose());
        }
        Assert.InRange(NativeBlock.KeptBytes, 0, 200L << 20);
    }

    [Fact]
    public void Checksum_AnyBitTurned_IsAnother() =>
        Gen.Select(Gen.Byte.Array[1, 3000], Gen.Int, (data, at) => (data, at)).Sample(given =>
        {
            var before = Checksum.Of(given.data);
            var bit = (given.at & int.MaxValue) % (8 * given.data.Length);
            given.data[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(before, Checksum.Of(given.data));
        });
}
