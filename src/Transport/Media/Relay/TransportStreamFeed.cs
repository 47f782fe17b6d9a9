namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// Cuts an MPEG transport stream (ISO/IEC 13818-1) into packets. A reader begins at a packet of pictures whose adaptation field says that
/// it can be decoded from there (2.4.3.5, random_access_indicator), behind the tables that say what the packets hold.
/// </summary>
internal sealed class TransportStreamFeed : IContainerFeed
{
    private const int PacketSize = 188;
    private const byte Sync = 0x47;

    private readonly Dictionary<int, byte[]> _tables = [];
    private int _map = -1;

    public IEnumerable<byte[]> Preamble => _tables.OrderBy(t => t.Key).Select(t => t.Value);

    public int Take(ReadOnlySpan<byte> bytes, List<FeedPiece> pieces)
    {
        var at = 0;
        while (bytes.Length - at >= PacketSize)
        {
            if (bytes[at] != Sync)
            {
                at++;
                continue;
            }

            pieces.Add(Piece(bytes.Slice(at, PacketSize).ToArray()));
            at += PacketSize;
        }

        return at;
    }

    private FeedPiece Piece(byte[] packet)
    {
        var number = ((packet[1] & 0x1f) << 8) | packet[2];
        var begins = (packet[1] & 0x40) != 0;
        var field = (packet[3] & 0x20) != 0 ? packet[4] + 1 : 0;
        var payload = 4 + field;
        if (number == 0 && begins && payload + 13 < PacketSize)
        {
            // One programme: its table's number stands behind pointer, eight bytes of header and the programme's own number.
            var section = payload + 1 + packet[payload];
            if (section + 12 <= PacketSize)
            {
                _map = ((packet[section + 10] & 0x1f) << 8) | packet[section + 11];
            }
        }

        if (number == 0 || number == _map)
        {
            if (begins)
            {
                _tables[number == 0 ? 0 : 1] = packet;
            }

            return new FeedPiece(packet, IsKey: false, IsPreamble: begins);
        }

        return new FeedPiece(packet, begins && field > 1 && (packet[5] & 0x40) != 0 && IsPicture(packet, payload), IsPreamble: false);
    }

    // 2.4.3.7: pictures have the stream ids E0 to EF.
    private static bool IsPicture(byte[] packet, int payload) =>
        payload + 4 <= PacketSize && packet[payload] == 0 && packet[payload + 1] == 0 && packet[payload + 2] == 1
        && (packet[payload + 3] & 0xf0) == 0xe0;
}
