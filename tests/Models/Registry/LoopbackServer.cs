using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace StreamDiff.Testing;

/// <summary>
/// A web server that misbehaves as told: it breaks off, lies about lengths, ignores ranges. Real servers' libraries are too polite for
/// that.
/// </summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Request, Answer> _answer;

    public LoopbackServer(Func<Request, Answer> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = AcceptAll();
    }

    public ConcurrentQueue<Request> Requests { get; } = new();

    public string Url(string path = "file.bin") => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/{path}";

    public void Dispose() => _listener.Stop();

    /// <param name="Path">As asked for, with its slash.</param>
    /// <param name="From">First byte of a range, or null for the whole file.</param>
    /// <param name="Number">1 for the first request that this server got.</param>
    /// <param name="IfRange">Tag of the version that the range is wanted of, or null for any.</param>
    internal sealed record Request(string Path, long? From, int Number, string? IfRange = null);

    internal sealed record Answer(int Status = 200, byte[]? Body = null)
    {
        public Dictionary<string, string> Headers { get; init; } = [];

        /// <summary>Length that the header states, true or not; -1 states none.</summary>
        public long? StatedLength { get; init; }

        /// <summary>Closes the connection after so many bytes of the body.</summary>
        public int? BreakAfter { get; init; }

        /// <summary>Wait between pieces of 16 kB, to be interrupted in.</summary>
        public TimeSpan Pace { get; init; }

        /// <summary>A server that knows its trade: the rest of the file where a range is asked for.</summary>
        public static Answer File(byte[] bytes, Request request) => request.From switch
        {
            null => new Answer(200, bytes),
            { } from when from >= bytes.Length => new Answer(416),
            { } from =>
                new Answer(206, bytes[(int)from..]) { Headers = { ["Content-Range"] = $"bytes {from}-{bytes.Length - 1}/{bytes.Length}" } },
        };
    }

    private async Task AcceptAll()
    {
        try
        {
            while (true)
                _ = Serve(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Serve(TcpClient client)
    {
        using var _ = client;
        try
        {
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            // A client's connection pool may open a connection more than it needs and close it unused: that is no request.
            if (await reader.ReadLineAsync() is not { Length: > 0 } requestLine)
                return;
            var path = requestLine.Split(' ').ElementAtOrDefault(1) ?? "";
            (long? from, string? ifRange) = (null, null);
            while (await reader.ReadLineAsync() is { Length: > 0 } header)
                if (header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                    from = long.Parse(header["Range: bytes=".Length..].TrimEnd('-'));
                else if (header.StartsWith("If-Range: ", StringComparison.OrdinalIgnoreCase))
                    ifRange = header["If-Range: ".Length..];
            Request request;
            lock (Requests)
                Requests.Enqueue(request = new Request(path, from, Requests.Count + 1, ifRange));
            await Send(stream, _answer(request));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
        }
    }

    private static async Task Send(NetworkStream stream, Answer answer)
    {
        var body = answer.Body ?? [];
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} Answer\r\nConnection: close\r\n");
        if (answer.StatedLength != -1)
            head.Append($"Content-Length: {answer.StatedLength ?? body.Length}\r\n");
        foreach (var (name, value) in answer.Headers)
            head.Append($"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        var end = Math.Min(answer.BreakAfter ?? body.Length, body.Length);
        for (var sent = 0; sent < end; sent += 16 << 10)
        {
            await stream.WriteAsync(body.AsMemory(sent, Math.Min(16 << 10, end - sent)));
            if (answer.Pace > TimeSpan.Zero)
                await Task.Delay(answer.Pace);
        }
        await stream.FlushAsync();
    }
}
