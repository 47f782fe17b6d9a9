using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// A publisher whose stream is being received; read as an FLV file that ends when it leaves. Disposing it ends the connection.
/// </summary>
internal sealed class RtmpPublisher : IByteSource
{
    // A few seconds at a high bit rate; beyond it the sender has to wait.
    private const int MostBuffered = 8 << 20;

    private readonly BytePipe _bytes = new(MostBuffered);

    /// <summary>Passes a publisher's messages on until it ends its stream; completes the reading side in any case.</summary>
    /// <param name="publishing">The connection, its stream accepted.</param>
    /// <param name="patience">Longest silence.</param>
    /// <param name="clock">What the least rate is measured with; null is the system's.</param>
    /// <exception cref="RtmpException">It sends next to nothing.</exception>
    public async Task PumpAsync(RtmpPublishing publishing, TimeSpan patience, TimeProvider? clock = null)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(_bytes.Ended);
        var rate = new MinimumRate(publishing.Received, clock ?? TimeProvider.System);
        try
        {
            _bytes.Append(FlvTags.FileHeader);
            while (true)
            {
                silence.CancelAfter(patience);
                if (await publishing.NextAsync(silence.Token).ConfigureAwait(false) is not { } message)
                {
                    return;
                }

                silence.CancelAfter(Timeout.InfiniteTimeSpan);
                rate.Check(publishing.Received);
                FlvTags.Write(message, _bytes.GetSpan(FlvTags.SizeOf(message)));
                _bytes.Advance(FlvTags.SizeOf(message));
                await _bytes.FlushAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            await _bytes.CompleteAsync().ConfigureAwait(false);
        }
    }

    public int Read(Span<byte> buffer, TimeSpan patience) => _bytes.Read(buffer, patience);

    public void Dispose() => _bytes.Dispose();

    // Who keeps its place with a byte now and then keeps the next one out.
    private sealed class MinimumRate(long received, TimeProvider clock)
    {
        private const int LeastBytes = 1000;
        private static readonly TimeSpan Span = TimeSpan.FromSeconds(10);
        private long _since = clock.GetTimestamp();
        private long _received = received;

        /// <exception cref="RtmpException">The last seconds brought next to nothing.</exception>
        public void Check(long received)
        {
            if (clock.GetElapsedTime(_since) < Span)
            {
                return;
            }

            if (received - _received < LeastBytes)
            {
                throw new RtmpException("the publisher sends next to nothing");
            }

            (_since, _received) = (clock.GetTimestamp(), received);
        }
    }
}
