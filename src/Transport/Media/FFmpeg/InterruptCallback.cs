using System.Diagnostics;
using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Lets a cancellation token or a deadline break into FFmpeg's blocking calls.</summary>
internal sealed unsafe class InterruptCallback
{
    // FFmpeg keeps only the address: the delegate must live as long as the context.
    private readonly AVIOInterruptCB_callback _callback;
    private CancellationToken _token;
    private long _deadline = long.MaxValue;

    public InterruptCallback() => _callback = _ => IsDue ? 1 : 0;

    /// <summary>True when the call in progress is to end.</summary>
    public bool IsDue => _token.IsCancellationRequested || IsLate;

    /// <summary>True when the call in progress takes longer than it may.</summary>
    public bool IsLate => Stopwatch.GetTimestamp() > Volatile.Read(ref _deadline);

    /// <summary>The callback for a context.</summary>
    public AVIOInterruptCB Native => new() { callback = _callback };

    /// <summary>Begins a call; null patience waits for ever.</summary>
    public void Begin(TimeSpan? patience, CancellationToken token)
    {
        _token = token;
        Volatile.Write(ref _deadline,
            patience is { } time ? Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency) : long.MaxValue);
    }

    /// <summary>Ends a call.</summary>
    public void End() => Begin(null, default);

    public void Attach(AVFormatContext* context) => context->interrupt_callback.callback = _callback;
}
