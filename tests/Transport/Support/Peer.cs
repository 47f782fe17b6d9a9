using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>A program that runs beside a test: ffmpeg, a server. Ended with the test.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private Peer(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
        _ = _process.StandardOutput.ReadToEndAsync();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>An ffmpeg command, its arguments separated by blanks.</summary>
    public static Peer Ffmpeg(string arguments) =>
        new("ffmpeg", ["-v", "error", "-nostdin", "-y", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

    public static Peer Start(string program, params string[] arguments) => new(program, arguments);

    /// <summary>Sends a live test picture with a tone to an address.</summary>
    public static Peer Sender(
        string address, string format, string more = "-c:a aac", int seconds = 60, string size = "320x192", int rate = 30) => Ffmpeg(
        $"-re -f lavfi -i testsrc2=size={size}:rate={rate} -f lavfi -i sine=frequency=440:sample_rate=48000 -t {seconds} "
            + $"-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g {rate} {more} -f {format} {address}");

    /// <summary>Its exit code and what it complained about.</summary>
    public (int Code, string Errors) Finish(int seconds = 300)
    {
        if (!_process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            _process.Kill();
            throw new TimeoutException($"a peer did not end: {_errors.Result}");
        }

        return (_process.ExitCode, _errors.Result);
    }

    /// <summary>Ends it as a crash would.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }
}

/// <summary>Ports that are free now.</summary>
internal static class FreePort
{
    public static int Tcp()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static int Udp()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
