using System.IO.Pipelines;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Bytes that one task writes as they come over a network and FFmpeg reads from another thread.</summary>
/// <param name="most">Bytes that may wait; beyond it the writer waits.</param>
internal sealed class BytePipe(int most) : IByteSource
{
    private readonly CancellationTokenSource _ended = new();
    private readonly Pipe _pipe = new(
        new PipeOptions(pauseWriterThreshold: most, resumeWriterThreshold: most / 2, useSynchronizationContext: false));
    private readonly SemaphoreSlim _news = new(0);
    private int _disposed;

    /// <summary>Cancelled when nobody reads any more.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Room for the next bytes; <see cref="Advance"/> says how many there are.</summary>
    public Span<byte> GetSpan(int size) => _pipe.Writer.GetSpan(size);

    /// <summary>So many bytes were written to the room.</summary>
    public void Advance(int count) => _pipe.Writer.Advance(count);

    /// <summary>Writes bytes, which can be read after the next <see cref="FlushAsync"/>.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_pipe.Writer.GetSpan(bytes.Length));
        _pipe.Writer.Advance(bytes.Length);
    }

    /// <summary>Gives what was written to the reader; waits while too much is there.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads any more.</exception>
    public async ValueTask FlushAsync()
    {
        var flush = _pipe.Writer.FlushAsync(_ended.Token);
        Wake();
        _ = await flush.ConfigureAwait(false);
    }

    /// <summary>Nothing follows.</summary>
    public async ValueTask CompleteAsync()
    {
        await _pipe.Writer.CompleteAsync().ConfigureAwait(false);
        Wake();
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

    /// <summary>Nobody reads any more; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ended.Cancel();
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
}
