using System.Diagnostics;
using System.IO.Pipelines;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// A publisher whose stream is being received; read as an FLV file that ends when it leaves. Disposing it ends the connection.
/// </summary>
internal sealed class RtmpPublisher : IByteSource
{
    // A few seconds at a high bit rate; beyond it the sender has to wait.
    private const int MostBuffered = 8 << 20;

    private readonly CancellationTokenSource _ended = new();
    private readonly Pipe _pipe = new(
        new PipeOptions(pauseWriterThreshold: MostBuffered, resumeWriterThreshold: MostBuffered / 2, useSynchronizationContext: false));
    private readonly SemaphoreSlim _news = new(0);
    private int _disposed;

    /// <summary>Passes a publisher's messages on until it ends its stream; completes the reading side in any case.</summary>
    public async Task PumpAsync(RtmpPublishing publishing, TimeSpan patience)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        var rate = new MinimumRate(publishing.Received);
        try
        {
            Append(FlvTags.FileHeader);
            while (true)
            {
                silence.CancelAfter(patience);
                if (await publishing.NextAsync(silence.Token).ConfigureAwait(false) is not { } message)
                {
                    return;
                }

                silence.CancelAfter(Timeout.InfiniteTimeSpan);
                rate.Check(publishing.Received);
                FlvTags.Write(message, _pipe.Writer.GetSpan(FlvTags.SizeOf(message)));
                _pipe.Writer.Advance(FlvTags.SizeOf(message));
                var flush = _pipe.Writer.FlushAsync(_ended.Token);
                Wake();
                _ = await flush.ConfigureAwait(false);
            }
        }
        finally
        {
            await _pipe.Writer.CompleteAsync().ConfigureAwait(false);
            Wake();
        }
    }

    public int Read(Span<byte> buffer, TimeSpan patience)
    {
        while (true)
        {
            if (_pipe.Reader.TryRead(out var result))
            {
                var count = (int)Math.Min(buffer.Length, result.Buffer.Length);
                System.Buffers.BuffersExtensions.CopyTo(result.Buffer.Slice(0, count), buffer);
                _pipe.Reader.AdvanceTo(result.Buffer.GetPosition(count));
                if (count > 0 || result.IsCompleted)
                {
                    return count;
                }
            }

            if (!_news.Wait(patience))
            {
                return -1;
            }
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ended.Cancel();
        }
    }

    // Who keeps its place with a byte now and then keeps the next one out.
    private sealed class MinimumRate(long received)
    {
        private const int LeastBytes = 1000;
        private static readonly TimeSpan Span = TimeSpan.FromSeconds(10);
        private long _since = Stopwatch.GetTimestamp();
        private long _received = received;

        /// <exception cref="RtmpException">The last seconds brought next to nothing.</exception>
        public void Check(long received)
        {
            if (Stopwatch.GetElapsedTime(_since) < Span)
            {
                return;
            }

            if (received - _received < LeastBytes)
            {
                throw new RtmpException("the publisher sends next to nothing");
            }

            (_since, _received) = (Stopwatch.GetTimestamp(), received);
        }
    }

    // One waiting signal is enough for one reader.
    private void Wake()
    {
        if (_news.CurrentCount == 0)
        {
            _ = _news.Release();
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_pipe.Writer.GetSpan(bytes.Length));
        _pipe.Writer.Advance(bytes.Length);
    }
}
