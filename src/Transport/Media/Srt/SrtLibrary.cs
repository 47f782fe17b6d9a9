using System.Net;
using System.Runtime.InteropServices;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Srt;

/// <summary>
/// libsrt, the one that FFmpeg has loaded: its protocol tells neither the stream id of a caller nor how a connection is doing. Functions
/// and numbers are those of srt.h, libsrt 1.4.2 and newer.
/// </summary>
internal sealed unsafe class SrtLibrary
{
    private const string Name = "libsrt";
    private static readonly string[] FileNames =
    [
        "libsrt-gnutls.so.1.5", "libsrt-openssl.so.1.5", "libsrt.so.1.5", "libsrt.so.1", "libsrt.so",
    ];

    private static readonly Lazy<SrtLibrary?> Found = new(Load);

    private readonly delegate* unmanaged<int*, int> _lastError;
    private readonly delegate* unmanaged<byte*> _lastErrorText;
    private readonly delegate* unmanaged<int, byte*> _rejectionText;

    private SrtLibrary(nint library)
    {
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        var startup = (delegate* unmanaged<int>)Export("srt_startup");
        _lastError = (delegate* unmanaged<int*, int>)Export("srt_getlasterror");
        _lastErrorText = (delegate* unmanaged<byte*>)Export("srt_getlasterror_str");
        _rejectionText = (delegate* unmanaged<int, byte*>)Export("srt_rejectreason_str");
        Create = (delegate* unmanaged<int>)Export("srt_create_socket");
        Bind = (delegate* unmanaged<int, byte*, int, int>)Export("srt_bind");
        Listen = (delegate* unmanaged<int, int, int>)Export("srt_listen");
        Accept = (delegate* unmanaged<int, byte*, int*, int>)Export("srt_accept");
        Connect = (delegate* unmanaged<int, byte*, int, int>)Export("srt_connect");
        Close = (delegate* unmanaged<int, int>)Export("srt_close");
        SetOption = (delegate* unmanaged<int, int, void*, int, int>)Export("srt_setsockflag");
        GetOption = (delegate* unmanaged<int, int, void*, int*, int>)Export("srt_getsockflag");
        Receive = (delegate* unmanaged<int, byte*, int, int>)Export("srt_recvmsg");
        Send = (delegate* unmanaged<int, byte*, int, int>)Export("srt_send");
        State = (delegate* unmanaged<int, int>)Export("srt_getsockstate");
        Rejection = (delegate* unmanaged<int, int>)Export("srt_getrejectreason");
        SetRejection = (delegate* unmanaged<int, int, int>)Export("srt_setrejectreason");
        SetHook = (delegate* unmanaged<int, delegate* unmanaged<void*, int, int, void*, byte*, int>, void*, int>)Export(
            "srt_listen_callback");
        LocalName = (delegate* unmanaged<int, byte*, int*, int>)Export("srt_getsockname");
        Statistics = (delegate* unmanaged<int, SrtFigures*, int, int, int>)Export("srt_bistats");
        _ = startup();
    }

    /// <summary>The library; null where FFmpeg has none.</summary>
    public static SrtLibrary? Loaded => Found.Value;

    public delegate* unmanaged<int> Create { get; }

    public delegate* unmanaged<int, byte*, int, int> Bind { get; }

    public delegate* unmanaged<int, int, int> Listen { get; }

    public delegate* unmanaged<int, byte*, int*, int> Accept { get; }

    public delegate* unmanaged<int, byte*, int, int> Connect { get; }

    public delegate* unmanaged<int, int> Close { get; }

    public delegate* unmanaged<int, int, void*, int, int> SetOption { get; }

    public delegate* unmanaged<int, int, void*, int*, int> GetOption { get; }

    public delegate* unmanaged<int, byte*, int, int> Receive { get; }

    public delegate* unmanaged<int, byte*, int, int> Send { get; }

    public delegate* unmanaged<int, int> State { get; }

    public delegate* unmanaged<int, int> Rejection { get; }

    public delegate* unmanaged<int, int, int> SetRejection { get; }

    public delegate* unmanaged<int, delegate* unmanaged<void*, int, int, void*, byte*, int>, void*, int> SetHook { get; }

    public delegate* unmanaged<int, byte*, int*, int> LocalName { get; }

    public delegate* unmanaged<int, SrtFigures*, int, int, int> Statistics { get; }

    /// <summary>Number of the calling thread's last error.</summary>
    public int LastError => _lastError(null);

    /// <summary>The calling thread's last error in words.</summary>
    public string LastErrorText => Marshal.PtrToStringUTF8((nint)_lastErrorText()) ?? "unknown error";

    /// <summary>Why a connection was rejected, in words.</summary>
    public string RejectionText(int reason) => Marshal.PtrToStringUTF8((nint)_rejectionText(reason)) ?? $"reason {reason}";

    /// <summary>Calls a function with an end point in the system's layout.</summary>
    public static int With(delegate* unmanaged<int, byte*, int, int> function, int socket, IPEndPoint endPoint)
    {
        var address = endPoint.Serialize();
        fixed (byte* bytes = address.Buffer.Span)
        {
            return function(socket, bytes, address.Size);
        }
    }

    // Two of them in one process would each have half of the sockets.
    private static SrtLibrary? Load()
    {
        FFmpegLibrary.Initialize();
        foreach (var name in FileNames.Prepend(Mapped()).OfType<string>())
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                return new SrtLibrary(library);
            }
        }

        return null;
    }

    private static string? Mapped()
    {
        try
        {
            return File.ReadLines("/proc/self/maps").Where(l => l.Contains($"/{Name}", StringComparison.Ordinal))
                .Select(l => l[l.IndexOf('/', StringComparison.Ordinal)..]).FirstOrDefault();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>The beginning of SRT_TRACEBSTATS: counts since the connection began, then what is measured now.</summary>
[StructLayout(LayoutKind.Explicit, Size = 1024)]
internal struct SrtFigures
{
    [FieldOffset(8)]
    public long Sent;

    [FieldOffset(16)]
    public long Received;

    [FieldOffset(24)]
    public int LostSending;

    [FieldOffset(28)]
    public int LostReceiving;

    [FieldOffset(32)]
    public int Retransmitted;

    [FieldOffset(64)]
    public int DroppedSending;

    [FieldOffset(68)]
    public int DroppedReceiving;

    [FieldOffset(328)]
    public double RoundTripMilliseconds;
}
