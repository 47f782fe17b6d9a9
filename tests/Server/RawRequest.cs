using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace StreamDiff.Server.Tests;

/// <summary>Requests byte by byte, as no client would send them.</summary>
internal static class RawRequest
{
    /// <summary>Sends a request without making anything of its path.</summary>
    public static Task<(int Status, string Answer)> Send(Uri studio, string method, string path, string? body = null)
    {
        var content = body is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n";
        return Send(studio, Encoding.UTF8.GetBytes(
            $"{method} {path} HTTP/1.1\r\nHost: {studio.Authority}\r\nConnection: close\r\n{content}\r\n{body}"));
    }

    /// <summary>Sends bytes; 0 where the studio hangs up without an answer.</summary>
    /// <param name="studio">Where to.</param>
    /// <param name="request">The bytes.</param>
    /// <param name="hangsUp">True sends nothing more, for what is no whole request: the studio would wait for the rest.</param>
    public static async Task<(int Status, string Answer)> Send(Uri studio, byte[] request, bool hangsUp = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(studio.Host, studio.Port);
        using var patience = new CancellationTokenSource(TestStudio.Patience);
        var answer = new MemoryStream();
        try
        {
            var stream = client.GetStream();
            await stream.WriteAsync(request, patience.Token);
            if (hangsUp)
                client.Client.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            // Of answers without an end the beginning is enough.
            for (int count; answer.Length < 65_536 && (count = await stream.ReadAsync(buffer, patience.Token)) > 0;)
            {
                answer.Write(buffer, 0, count);
                if (Encoding.UTF8.GetString(answer.ToArray()).Contains("text/event-stream", StringComparison.Ordinal))
                    break;
            }
        }
        catch (IOException)
        {
            // It has hung up; what it said before counts.
        }
        var text = Encoding.UTF8.GetString(answer.ToArray());
        var isAnswer = text.StartsWith("HTTP/1.1 ", StringComparison.Ordinal);
        return (isAnswer ? int.Parse(text.AsSpan(9, 3), CultureInfo.InvariantCulture) : 0, text);
    }
}
