using System.Net.Sockets;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>Reads a publisher's stream from a <see cref="RelayPort"/>, whichever of several it came to.</summary>
internal sealed class RelayCaller : IByteSource
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly SocketSource _bytes;

    private RelayCaller(Socket socket, string kind) => (_bytes, IsFlv) = (new SocketSource(socket), kind == RelayPort.Flv);

    /// <summary>True for FLV, false for a transport stream.</summary>
    public bool IsFlv { get; }

    /// <summary>Waits until a publisher is there.</summary>
    /// <param name="address"><c>relay://HOST:PORT[,HOST:PORT]/NAME?token=TOKEN</c>.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static RelayCaller Connect(MediaAddress address, CancellationToken ct)
    {
        using var calls = new RelayCalls(RelayAddress.Parse(address), RelayPort.ReaderGreeting);
        while (true)
        {
            RelayCaller? found = null;
            foreach (var (_, socket, kind) in calls.Next(_ => true, Again, ct).GetAwaiter().GetResult())
            {
                if (found is null && kind is (RelayPort.Flv or RelayPort.TransportStream))
                {
                    found = new RelayCaller(socket, kind);
                }
                else
                {
                    // Nobody publishes there.
                    socket.Dispose();
                }
            }

            if (found is not null)
            {
                return found;
            }

            if (ct.WaitHandle.WaitOne(Again))
            {
                ct.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Throws for what can be seen of an address without calling it.</summary>
    /// <exception cref="MediaException">It is not understood.</exception>
    public static void Check(MediaAddress address) => _ = RelayAddress.Parse(address);

    public int Read(Span<byte> buffer, TimeSpan patience) => _bytes.Read(buffer, patience);

    public void Dispose() => _bytes.Dispose();
}
