using CsCheck;
using StreamDiff.Transport.Osc;

namespace StreamDiff.Transport.Tests.Osc;

public sealed class OscMessageTests
{
    [Fact]
    public void Read_TheExampleOfTheSpecification_IsItsMessage()
    {
        // "/foo" with 1000, -1, "hello", 1.234, 5.678.
        byte[] packet =
        [
            0x2f, 0x66, 0x6f, 0x6f, 0, 0, 0, 0, 0x2c, 0x69, 0x69, 0x73, 0x66, 0x66, 0, 0, 0, 0, 3, 0xe8, 0xff, 0xff, 0xff, 0xff, 0x68, 0x65,
            0x6c, 0x6c, 0x6f, 0, 0, 0, 0x3f, 0x9d, 0xf3, 0xb6, 0x40, 0xb5, 0xb2, 0x2d,
        ];
        var message = Assert.Single(OscMessage.Read(packet));
        Assert.Equal("/foo", message.Address);
        Assert.Equal([1000, -1, "hello", 1.234f, 5.678f], message.Arguments);
        Assert.Equal(packet, message.ToPacket());
    }

    [Fact]
    public void Read_Bundle_IsTheMessagesInIt()
    {
        var a = new OscMessage("/a", 1L, 2.5, true, false, null).ToPacket();
        var b = new OscMessage("/bc", new byte[] { 1, 2, 3 }).ToPacket();
        byte[] inner = [.. "#bundle\0"u8, .. new byte[8], .. Length(b), .. b];
        byte[] bundle = [.. "#bundle\0"u8, .. new byte[8], .. Length(a), .. a, .. Length(inner), .. inner];
        var messages = OscMessage.Read(bundle);
        Assert.Equal([1L, 2.5, true, false, null], messages[0].Arguments);
        Assert.Equal(new byte[] { 1, 2, 3 }, messages[1].Arguments[0]);
        static byte[] Length(byte[] part) => [0, 0, (byte)(part.Length >> 8), (byte)part.Length];
    }

    [Fact]
    public void Read_AnyBytes_AreMessagesOrRefused() => Gen.Byte.Array[0, 64].Sample(bytes =>
    {
        foreach (var packet in new[] { bytes, [.. "#bundle\0\0\0\0\0\0\0\0\0"u8, .. bytes], [.. "/a\0\0,ifsb\0\0\0"u8, .. bytes] })
            try
            {
                Assert.All(OscMessage.Read(packet), m => Assert.StartsWith("/", m.Address, StringComparison.Ordinal));
            }
            catch (FormatException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
    });
}
