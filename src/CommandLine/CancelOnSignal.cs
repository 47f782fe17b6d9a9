using System.Runtime.InteropServices;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.CommandLine;

/// <summary>
/// The first Ctrl+C, SIGTERM or SIGHUP (the terminal went away) asks the work to stop cleanly; the second ends the program at once. A
/// SIGHUP that the caller ignores (nohup) stays ignored.
/// </summary>
public sealed class CancelOnSignal : IDisposable
{
    private const int Hangup = 1;
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _signal;
    private volatile bool _wasAsked;

    public CancelOnSignal()
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, c => OnSignal(c, 2)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => OnSignal(c, 15)),
            .. IsIgnored(Hangup) ? Array.Empty<PosixSignalRegistration>() : [
                PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => OnSignal(c, Hangup))],
        ];
    }

    /// <summary>The signal that asked this program to end; null where none has.</summary>
    internal static int? Heard { get; private set; }

    public CancellationToken Token => _source.Token;

    /// <summary>Asks the work to stop cleanly without any signal: the user said so in another way.</summary>
    public void Stop()
    {
        _wasAsked = true;
        _source.Cancel();
    }

    /// <summary>
    /// 130 after Ctrl+C, 143 after SIGTERM, 129 after SIGHUP, <paramref name="asked"/> after <see cref="Stop"/>;
    /// <paramref name="otherwise"/> when there was neither.
    /// </summary>
    public int ExitCodeOr(int otherwise, int asked = ExitCode.Ok) =>
        _signal != 0 ? ExitCode.Signal + _signal : _wasAsked ? asked : otherwise;

    /// <summary>That of work whose libraries hear the signal too, and may be cancelled by it before it has begun.</summary>
    /// <param name="work">Gives its exit code.</param>
    public int ExitCodeOf(Func<int> work)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException)
        {
            // They may have heard it first.
            _ = _source.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(5));
            return ExitCodeOr(ExitCode.Failed);
        }
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    // The line is "SigIgn:" and a mask in hexadecimal, signal 1 in the lowest bit.
    private static bool IsIgnored(int signal)
    {
        try
        {
            const string Name = "SigIgn:";
            var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
            return line is not null && ulong.TryParse(line.AsSpan(Name.Length).Trim(), System.Globalization.NumberStyles.HexNumber,
                System.Globalization.CultureInfo.InvariantCulture, out var mask) && (mask >> (signal - 1) & 1) != 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void OnSignal(PosixSignalContext context, int number)
    {
        if (Interlocked.CompareExchange(ref _signal, number, 0) != 0)
        {
            // The signal ends the program after this.
            MediaSinks.AbandonAll();
            StandardStreams.Flush();
            return;
        }
        Heard = number;
        context.Cancel = true;
        ServiceManager.Stopping();
        Say.Line("stopping (press Ctrl+C again to stop at once)");
        _source.Cancel();
    }
}
