using System.Runtime.InteropServices;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.CommandLine;

/// <summary>The first Ctrl+C or SIGTERM asks the work to stop cleanly; the second ends the program at once.</summary>
public sealed class CancelOnSignal : IDisposable
{
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
        ];
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Asks the work to stop cleanly without any signal: the user said so in another way.</summary>
    public void Stop()
    {
        _wasAsked = true;
        _source.Cancel();
    }

    /// <summary>
    /// 130 after Ctrl+C, 143 after SIGTERM, 0 after <see cref="Stop"/>; <paramref name="otherwise"/> when there was neither.
    /// </summary>
    public int ExitCodeOr(int otherwise) => _signal != 0 ? ExitCode.Signal + _signal : _wasAsked ? ExitCode.Ok : otherwise;

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context, int number)
    {
        if (Interlocked.CompareExchange(ref _signal, number, 0) != 0)
        {
            // The signal ends the program after this.
            MediaSinks.AbandonAll();
            return;
        }
        context.Cancel = true;
        Say.Line("stopping (press Ctrl+C again to stop at once)");
        _source.Cancel();
    }
}
