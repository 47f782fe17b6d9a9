using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using StreamDiff.Fleet.Studios;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Sessions;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>A file of another worker that does not come to its end keeps nobody waiting.</summary>
public sealed class CopyTests
{
    private const string Head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe beginning";

    [Theory]
    [InlineData("", true, "nothing came for 0.2 s")]
    [InlineData(Head, true, "nothing came for 0.2 s")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, "404")]
    public async Task Copy_ThatStops_IsRefused(string said, bool isSilent, string why)
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(
            () => Copied(said, closes: false, isSilent ? TimeSpan.FromSeconds(0.2) : TestPatience));
        Assert.Equal(StatusCodes.Status503ServiceUnavailable, refused.Status);
        Assert.StartsWith("worker w1 does not give /log: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_OfAWorkerThatIsGone_IsRefused_AndEndsWithWhoAsked()
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(
            () => Copied(Head, closes: true, TestPatience));
        Assert.Equal(StatusCodes.Status503ServiceUnavailable, refused.Status);
        using var asking = new CancellationTokenSource();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Copied(Head, closes: false, TestPatience, asking));
    }

    private static TimeSpan TestPatience => Support.TestFleet.Patience;

    // A worker that says so much of an answer, and no more; whoever asked goes then.
    private static async Task Copied(string said, bool closes, TimeSpan silence, CancellationTokenSource? asking = null)
    {
        using var folder = new TempFolder();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        // Nobody of the fleet is asked.
        using var studios = new WorkerStudios(null!, "key") { MostSilence = silence };
        var address = new Uri($"http://{listener.LocalEndpoint}/");
        var copied = studios.Copy(
            new FoundFile("w1", new SessionPlace(address, "key"), "/log", DateTimeOffset.UnixEpoch), folder["copy"],
            asking?.Token ?? CancellationToken.None);
        using var over = new CancellationTokenSource();
        Socket? worker = null;
        var answering = Answer();
        // On a busy machine the copy may be given up before the worker has said anything.
        if (await Task.WhenAny(copied, answering) == answering)
        {
            await answering;
            if (closes)
                worker!.Close();
            asking?.Cancel();
        }
        try
        {
            await copied;
        }
        finally
        {
            await over.CancelAsync();
            _ = await Record.ExceptionAsync(() => answering);
            worker?.Dispose();
        }

        async Task Answer()
        {
            worker = await listener.AcceptSocketAsync(over.Token);
            _ = await worker.ReceiveAsync(new byte[4096], over.Token);
            _ = await worker.SendAsync(System.Text.Encoding.ASCII.GetBytes(said), over.Token);
        }
    }
}
