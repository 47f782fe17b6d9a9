using System.Buffers.Binary;
using System.Net.Sockets;
using StreamDiff.Transport.Media.Rtmp;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>A publisher that sends what it is told to, when it is told to.</summary>
internal sealed class RtmpSender : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    public RtmpSender(int port, string app = "live", string key = "key")
    {
        _client = new TcpClient("127.0.0.1", port) { NoDelay = true };
        _stream = _client.GetStream();
        _stream.Write([3, .. new byte[1536 * 2]]);
        _stream.ReadExactly(new byte[1 + (2 * 1536)]);
        Send(2, 1, 0, 0, [0x00, 0x7f, 0xff, 0xff]);
        Send(3, 20, 0, 0, Amf0Writer.Write("connect", 1.0, new (string, object?)[] { ("app", app) }));
        Send(3, 20, 0, 0, Amf0Writer.Write("createStream", 2.0, null));
        Send(3, 20, 1, 0, Amf0Writer.Write("publish", 3.0, null, key, "live"));
    }

    /// <summary>True while the other side keeps the connection.</summary>
    public bool IsConnected => !_client.Client.Poll(0, SelectMode.SelectRead) || _client.Available > 0;

    /// <summary>Sends a tag at a time, in milliseconds.</summary>
    public void Send(FlvTag tag, int time) => Send(tag.Type == 9 ? 6 : 4, tag.Type, 1, time, tag.Payload);

    /// <summary>Sends tags in the order of their times, each at its own plus a shift.</summary>
    public void Send(IEnumerable<FlvTag> tags, int shift = 0)
    {
        foreach (var tag in tags)
        {
            Send(tag, tag.Time + shift);
        }
    }

    /// <summary>Ends the stream as it should be.</summary>
    public void Finish() => Say("deleteStream");

    /// <summary>Sends a command about the stream.</summary>
    public void Say(string command) => Send(3, 20, 1, 0, Amf0Writer.Write(command, 4.0, null, 1.0));

    /// <summary>What the other side says until a word comes, and then.</summary>
    public string Listen(string until)
    {
        var (heard, buffer) = ("", new byte[4096]);
        while (!heard.Contains(until, StringComparison.Ordinal) && _stream.Read(buffer) is > 0 and var count)
        {
            heard += System.Text.Encoding.Latin1.GetString(buffer, 0, count);
        }

        return heard;
    }

    public void Dispose() => _client.Dispose();

    private void Send(int chunks, byte type, int stream, int time, byte[] payload)
    {
        var header = new byte[12];
        header[0] = (byte)chunks;
        (header[1], header[2], header[3]) = ((byte)(time >> 16), (byte)(time >> 8), (byte)time);
        (header[4], header[5], header[6]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        header[7] = type;
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), stream);
        _stream.Write([.. header, .. payload]);
    }
}

/// <summary>A tag of an FLV file: sound is 8, pictures are 9.</summary>
internal sealed record FlvTag(byte Type, int Time, byte[] Payload)
{
    /// <summary>The tags of a clip that ffmpeg makes, without its metadata.</summary>
    public static List<FlvTag> Make(TempFolder folder, string arguments)
    {
        var file = folder.File($"{Guid.NewGuid():N}.flv");
        CommandLine.Run("ffmpeg", ["-v", "error", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-f", "flv", file]);
        var bytes = File.ReadAllBytes(file).AsSpan();
        var tags = new List<FlvTag>();
        for (var at = 13; at + 11 <= bytes.Length;)
        {
            var length = (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
            var time = (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6];
            if (bytes[at] is 8 or 9)
            {
                tags.Add(new FlvTag(bytes[at], time, bytes.Slice(at + 11, length).ToArray()));
            }

            at += 11 + length + 4;
        }

        return tags;
    }
}
