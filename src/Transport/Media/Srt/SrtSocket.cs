using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>Numbers of srt.h for options of sockets.</summary>
internal enum SrtOption
{
    ReceivingWaits = 2,
    SendBuffer = 5,
    ReceiveBuffer = 6,
    Linger = 7,
    Rendezvous = 12,
    SendTimeout = 13,
    ReceiveTimeout = 14,
    MaximumBandwidth = 16,
    InputBandwidth = 24,
    Overhead = 25,
    Passphrase = 26,
    KeyLength = 27,
    TimeToLive = 29,
    TypeOfService = 30,
    DropsLate = 31,
    NakReport = 33,
    ConnectTimeout = 36,
    ReorderTolerance = 42,
    ReceiverLatency = 43,
    PeerLatency = 44,
    StreamId = 46,
    PayloadSize = 49,
    Ipv6Only = 54,
}

/// <summary>A socket of libsrt, in live mode. Closing it from any thread ends what others wait for.</summary>
internal sealed unsafe class SrtSocket : IByteSink, IByteSource
{
    /// <summary>States of srt.h from which on a socket is of no use any more.</summary>
    private const int Broken = 6;
    private const int NothingNow = 6000;
    private const int LastNothingNow = 6003;
    private const int LargestAddress = 128;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private readonly SrtLibrary _library;
    private int _closed;

    private SrtSocket(SrtLibrary library, int handle) => (_library, Handle) = (library, handle);

    /// <summary>Seven packets of a transport stream, as everybody sends them.</summary>
    public int DatagramSize => 1316;

    /// <summary>libsrt's number.</summary>
    public int Handle { get; }

    /// <summary>False once nothing can come or go any more.</summary>
    public bool IsAlive => Volatile.Read(ref _closed) == 0 && _library.State(Handle) < Broken;

    /// <summary>The port that it is bound to.</summary>
    public int Port
    {
        get
        {
            var bytes = stackalloc byte[LargestAddress];
            var size = LargestAddress;
            // Family in the machine's order, then the port in the network's.
            return _library.LocalName(Handle, bytes, &size) == 0 ? (bytes[2] << 8) | bytes[3] : 0;
        }
    }

    /// <exception cref="MediaException">FFmpeg has no libsrt.</exception>
    public static SrtSocket Create()
    {
        var library = SrtLibrary.Loaded ?? throw new MediaException("SRT needs libsrt, which this machine's FFmpeg does not have.");
        return new SrtSocket(library, library.Create());
    }

    /// <summary>Sets a number.</summary>
    /// <exception cref="MediaException">It is not taken.</exception>
    public void Set(SrtOption option, int value) => Check(_library.SetOption(Handle, (int)option, &value, sizeof(int)), option);

    /// <summary>Sets a large number.</summary>
    /// <exception cref="MediaException">It is not taken.</exception>
    public void Set(SrtOption option, long value) => Check(_library.SetOption(Handle, (int)option, &value, sizeof(long)), option);

    /// <summary>Sets a text.</summary>
    /// <exception cref="MediaException">It is not taken.</exception>
    public void Set(SrtOption option, string value)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(value))
        {
            Check(_library.SetOption(Handle, (int)option, bytes, Encoding.UTF8.GetByteCount(value)), option);
        }
    }

    /// <summary>Takes a port.</summary>
    /// <exception cref="MediaException">It is in use, or the address is not this machine's.</exception>
    public void Bind(IPEndPoint endPoint)
    {
        if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
        {
            // "[::]" means both kinds of addresses.
            Set(SrtOption.Ipv6Only, endPoint.Address.Equals(IPAddress.IPv6Any) ? 0 : 1);
        }

        if (SrtLibrary.With(_library.Bind, Handle, endPoint) != 0)
        {
            throw new MediaException($"{_library.LastErrorText}; is the port in use, or the address not this machine's?")
            {
                Absence = SourceAbsence.Missing,
            };
        }
    }

    /// <summary>Begins to take callers.</summary>
    /// <param name="hook">Decides about each on a thread of libsrt; see srt_listen_callback.</param>
    /// <param name="state">Given to it.</param>
    /// <exception cref="MediaException">It cannot.</exception>
    public void Listen(delegate* unmanaged<void*, int, int, void*, byte*, int> hook, void* state)
    {
        const int Backlog = 16;
        if (_library.SetHook(Handle, hook, state) != 0 || _library.Listen(Handle, Backlog) != 0)
        {
            throw new MediaException(_library.LastErrorText);
        }
    }

    /// <summary>Waits for the next caller that was let in; null when this socket is closed.</summary>
    public SrtSocket? Accept()
    {
        var handle = _library.Accept(Handle, null, null);
        return handle < 0 ? null : new SrtSocket(_library, handle);
    }

    /// <summary>Calls somebody and waits for the answer.</summary>
    /// <exception cref="MediaException">Nobody answers, or the call is rejected.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public void Connect(IPEndPoint endPoint, CancellationToken ct)
    {
        const int Connecting = 4;
        const int Connected = 5;
        const int Timeout = 16;
        const int Glimpse = 5;
        // A call that waits itself looks at its timeout once a second only.
        Set(SrtOption.ReceivingWaits, 0);
        if (SrtLibrary.With(_library.Connect, Handle, endPoint) == 0)
        {
            while (_library.State(Handle) <= Connecting)
            {
                _ = ct.WaitHandle.WaitOne(Glimpse);
                ct.ThrowIfCancellationRequested();
            }

            if (_library.State(Handle) == Connected)
            {
                Set(SrtOption.ReceivingWaits, 1);
                return;
            }
        }

        var reason = _library.Rejection(Handle);
        throw new MediaException(
            reason is 0 or Timeout ? "nobody answers there; check address, port and mode" : $"it is rejected: {Words(reason)}")
        {
            Absence = SourceAbsence.Away,
        };
    }

    /// <summary>How the connection is doing; null where it has ended.</summary>
    public LinkStatistics? Statistics
    {
        get
        {
            SrtFigures figures;
            return Volatile.Read(ref _closed) != 0 || _library.Statistics(Handle, &figures, 0, 1) != 0
                ? null
                : new LinkStatistics(
                    TimeSpan.FromMilliseconds(figures.RoundTripMilliseconds), figures.Sent + figures.Received,
                    figures.LostSending + figures.LostReceiving, figures.Retransmitted, figures.DroppedSending + figures.DroppedReceiving);
        }
    }

    public int Read(Span<byte> buffer, TimeSpan patience)
    {
        if (Volatile.Read(ref _closed) != 0)
        {
            return 0;
        }

        fixed (byte* bytes = buffer)
        {
            var count = _library.Receive(Handle, bytes, buffer.Length);
            return count >= 0 ? count : _library.LastError is >= NothingNow and <= LastNothingNow ? -1 : 0;
        }
    }

    public bool Write(ReadOnlySpan<byte> datagram)
    {
        if (Volatile.Read(ref _closed) != 0)
        {
            return false;
        }

        fixed (byte* bytes = datagram)
        {
            // A full buffer drops instead of waiting.
            return _library.Send(Handle, bytes, datagram.Length) >= 0 || _library.LastError is >= NothingNow and <= LastNothingNow;
        }
    }

    /// <summary>Reading and writing wait no longer than a glance.</summary>
    public void WaitShortly()
    {
        Set(SrtOption.ReceiveTimeout, (int)Glance.TotalMilliseconds);
        Set(SrtOption.SendTimeout, (int)Glance.TotalMilliseconds);
    }

    /// <summary>Rejects a caller, from the hook of the one who listens.</summary>
    public static int Reject(int handle, int reason)
    {
        _ = SrtLibrary.Loaded!.SetRejection(handle, reason);
        return -1;
    }

    /// <summary>A caller's socket within the hook; stays libsrt's.</summary>
    public static SrtSocket Borrow(int handle) => new(SrtLibrary.Loaded!, handle);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _ = _library.Close(Handle);
        }
    }

    private string Words(int reason) => reason switch
    {
        10 => "another passphrase",
        11 => "one of the two has a passphrase and the other has none",
        1401 or 1403 or 1404 => "it does not know this stream id",
        1409 => "somebody else has this stream id",
        _ => _library.RejectionText(reason),
    };

    private void Check(int result, SrtOption option)
    {
        if (result != 0)
        {
            throw new MediaException($"SRT does not take this {option}: {_library.LastErrorText}");
        }
    }
}
