using StreamDiff.Transport.Media.Rtmp;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Memory that a peer of the RTMP port can make the process keep; by itself, because the whole process is measured.</summary>
[Collection("allocations")]
public sealed class HostileRtmpMemoryTests
{
    [Fact]
    public async Task AfterPublish_UnfinishedMessagesOnManyStreams_AreBounded()
    {
        var bytes = new MemoryStream();
        bytes.Write(HostileRtmpTests.Handshake);
        bytes.Write(HostileRtmpTests.Message(2, 1, [0x00, 0x10, 0x00, 0x00]));
        for (var stream = 3; stream < 19; stream++)
            bytes.Write(HostileRtmpTests.Message(stream, 9, new byte[1 << 20], 8 << 20));
        bytes.Position = 0;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using (var reader = new RtmpReader(bytes) { IsProven = true })
        {
            bytes.Position = HostileRtmpTests.Handshake.Length;
            await Assert.ThrowsAnyAsync<IOException>(async () => await reader.ReadAsync(CancellationToken.None));
        }
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 4 << 20);
    }
}
