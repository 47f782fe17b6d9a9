using CsCheck;
using StreamDiff.Transport.Links;

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
}
