using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Lets a cancellation token break into FFmpeg's blocking reads.</summary>
internal sealed unsafe class InterruptCallback
{
    // FFmpeg keeps only the address: the delegate must live as long as the context.
    private readonly AVIOInterruptCB_callback _callback;

    public InterruptCallback() => _callback = _ => Token.IsCancellationRequested ? 1 : 0;

    /// <summary>The token of the call in progress.</summary>
    public CancellationToken Token { get; set; }

    public void Attach(AVFormatContext* context) => context->interrupt_callback.callback = _callback;
}
