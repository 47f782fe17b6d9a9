using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace StreamDiff.CommandLine;

/// <summary>
/// Tells systemd how a service is doing (sd_notify): ready, alive, stopping. Does nothing where no <c>NOTIFY_SOCKET</c> is set.
/// </summary>
public static class ServiceManager
{
    private const string Address = "NOTIFY_SOCKET";
    private const string Interval = "WATCHDOG_USEC";

    /// <summary>What has not moved for so long does not any more. A first tick may compile and measure for most of it.</summary>
    public static TimeSpan StandsStill { get; } = TimeSpan.FromMinutes(2);

    /// <summary>The work has begun.</summary>
    public static void Ready() => Send("READY=1");

    /// <summary>The work is being ended.</summary>
    public static void Stopping() => Send("STOPPING=1");

    /// <summary>
    /// Tells the watchdog (WatchdogSec=) twice in its interval that the work goes on, until the result is disposed.
    /// </summary>
    /// <param name="isAlive">Asked each time; false says nothing, so that systemd starts the service again. Null: always.</param>
    public static IDisposable? KeepAlive(Func<bool>? isAlive = null)
    {
        if (!long.TryParse(Environment.GetEnvironmentVariable(Interval), NumberStyles.None, CultureInfo.InvariantCulture,
            out var microseconds)
            || microseconds <= 0)
            return null;
        var half = TimeSpan.FromMicroseconds(microseconds / 2);
        return new Timer(
            _ =>
            {
                if (isAlive?.Invoke() != false)
                    Send("WATCHDOG=1");
            },
            null, TimeSpan.Zero, half);
    }

    private static void Send(string message)
    {
        if (Environment.GetEnvironmentVariable(Address) is not { Length: > 1 } path)
            return;
        try
        {
            // '@' begins a name without a file.
            if (path[0] == '@')
                path = '\0' + path[1..];
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
            socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(path));
        }
        catch (Exception e) when (e is SocketException or ArgumentException or PlatformNotSupportedException)
        {
            // It only tells: nothing may end because of it.
        }
    }
}
