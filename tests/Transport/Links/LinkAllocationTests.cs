using StreamDiff.Transport.Links;
using Xunit.Abstractions;

namespace StreamDiff.Transport.Tests.Links;

[CollectionDefinition("allocations", DisableParallelization = true)]
public sealed class AllocationsDefinition;

// Counts what the whole process allocates: nothing else may run beside it.
[Collection("allocations")]
public sealed class LinkAllocationTests(ITestOutputHelper output)
{
    [Fact]
    public void Send_ManyMessages_AllocatesLittle()
    {
        const int Count = 2000;
        using var ends = new SocketLinkTests.Ends(SocketLinkTests.Options, SocketLinkTests.Options);
        Exchange(200);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Exchange(Count);
        var perMessage = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Count;
        output.WriteLine($"{perMessage:0} managed bytes per message");
        // Header, rows, payload object, shape and the tasks of waiting; the numbers themselves are native memory.
        Assert.InRange(perMessage, 0, 6000);

        void Exchange(int count)
        {
            for (var i = 0; i < count; i++)
            {
                ends.Caller.Send(new LinkMessage(
                    new LinkHeader { Kind = LinkKind.Tick, Rows = [new LinkRow(0, 0, i, i, 700, 0)] },
                    new HostPayload(ElementType.F32, [1, 24, 48])));
                ends.Take(ends.AtListener).Dispose();
            }
        }
    }
}
