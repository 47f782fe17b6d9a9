namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>The server's side of the plain handshake (RTMP 1.0, section 5.2).</summary>
internal static class RtmpHandshake
{
    private const int Size = 1536;
    private const byte Version = 3;

    /// <exception cref="RtmpException">The peer speaks something else.</exception>
    public static async Task AcceptAsync(Stream stream, CancellationToken ct)
    {
        var hello = new byte[1];
        await stream.ReadExactlyAsync(hello, ct).ConfigureAwait(false);
        if (hello[0] != Version)
        {
            throw new RtmpException("no RTMP handshake");
        }

        var client = new byte[Size];
        await stream.ReadExactlyAsync(client, ct).ConfigureAwait(false);
        // A zero version field in the server's part tells clients to use the plain handshake.
        var answer = new byte[1 + (2 * Size)];
        answer[0] = Version;
        Random.Shared.NextBytes(answer.AsSpan(9, Size - 8));
        client.CopyTo(answer.AsSpan(1 + Size));
        await stream.WriteAsync(answer, ct).ConfigureAwait(false);
        await stream.ReadExactlyAsync(client, ct).ConfigureAwait(false);
    }
}
