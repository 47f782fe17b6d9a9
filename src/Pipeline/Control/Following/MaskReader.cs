using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>
/// A mask beside a stream: brightness of a file's frames, or of another stream's newest one. Read ahead on a thread of its own.
/// </summary>
internal sealed class MaskReader : IDisposable
{
    // About two thousand places, whatever the shape: as many as a latent picture of 480 rows has in each fourth row and column.
    private const double Places = 2304;
    private const int Ahead = 32;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(1.0 / 25);

    private readonly object _gate = new();
    private readonly Queue<(TimeSpan Time, byte[] Shares)> _frames = new();
    private readonly CancellationTokenSource _over = new();
    private readonly MediaAddress _address;
    private readonly bool _isHeld;
    private readonly bool _waits;
    private readonly Action<string> _say;
    private byte[]? _now;
    private string? _lost;
    private bool _isEnded;
    private bool _isClosed;

    /// <param name="address">A file, a test picture, a still, or another stream.</param>
    /// <param name="isHeld">True holds the last frame at the end of a file, which begins again otherwise.</param>
    /// <param name="aspect">Width of the stream's pictures by their height.</param>
    /// <param name="waits">True where a file is waited for: the stream does not go on without its mask.</param>
    /// <param name="say">Told what is wrong with it, in one line.</param>
    public MaskReader(MediaAddress address, bool isHeld, double aspect, bool waits, Action<string> say)
    {
        (_address, _isHeld, _waits, _say) = (address, isHeld, waits && !address.IsLive, say);
        (Columns, Rows) = (Side(Math.Sqrt(Places * aspect)), Side(Math.Sqrt(Places / aspect)));
        new Thread(Run) { IsBackground = true, Name = "streamdiff mask" }.Start();
    }

    /// <summary>Places a row.</summary>
    public int Columns { get; }

    /// <summary>Rows.</summary>
    public int Rows { get; }

    /// <summary>Why a mask cannot be used, in one line, as far as can be told without opening it; null where it may be.</summary>
    public static string? Problem(string address)
    {
        var mask = MediaAddress.Parse(address);
        if (mask.Kind is not (MediaKind.Null or MediaKind.File or MediaKind.Browser))
            try
            {
                SourceOpener.Check(address);
            }
            catch (MediaException e)
            {
                return $"mask {mask.Shown}: {e.Message}";
            }
        return mask.Kind switch
        {
            MediaKind.Null => "a mask is a file or another stream, not null:",
            MediaKind.File when !File.Exists(mask.Text) => $"mask {mask.Text} does not exist{MediaAddress.Hint(mask.Text)}",
            MediaKind.Relay => "a mask is a file or a stream's own address, not relay:",
            MediaKind.Browser => "a page cannot publish a mask: paint it there, or name a file or an address",
            _ => null,
        };
    }

    /// <summary>The mask at a time since it began, which is never less than that asked for before; null where there is none.</summary>
    public byte[]? At(TimeSpan time)
    {
        lock (_gate)
        {
            while (true)
            {
                while (_frames.TryPeek(out var next) && (next.Time <= time || _address.IsLive))
                    _now = _frames.Dequeue().Shares;
                Monitor.PulseAll(_gate);
                // The next one tells that this is the one.
                if (_frames.Count > 0 || _isEnded || !_waits)
                    return _now;
                Monitor.Wait(_gate);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isEnded = true;
            if (!_isClosed)
                _over.Cancel();
            Monitor.PulseAll(_gate);
        }
    }

    private static int Side(double places) => (int)Math.Clamp(Math.Round(places), 1, RegionMap.LargestMap);

    private void Run()
    {
        try
        {
            using var pool = new FramePool();
            for (var (begin, isOpen) = (TimeSpan.Zero, true); isOpen && !_over.IsCancellationRequested;)
                isOpen = Pass(pool, ref begin);
        }
        catch (MediaException e)
        {
            _say($"mask {_address.Shown}: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            // Another region was asked for.
        }
        // A stream goes on without its mask, whatever is the matter with that.
        catch (Exception e)
        {
            _say($"mask {_address.Shown}: {e.GetType().Name}: {e.Message}");
        }
        finally
        {
            lock (_gate)
            {
                (_isEnded, _isClosed) = (true, true);
                _over.Dispose();
                Monitor.PulseAll(_gate);
            }
        }
    }

    // Once through the file, or until the other stream is gone. False where there is no more.
    private bool Pass(FramePool pool, ref TimeSpan begin)
    {
        var (count, end, first) = (0L, begin, 0L);
        try
        {
            using var source = MediaSources.Open(new VideoSourceOptions
            {
                Input = _address.Text,
                Width = Columns,
                Height = Rows,
                ReadAudio = false,
                DecoderThreads = 1,
                Pool = pool,
                // A peer that says nothing more must not stop a stream that waits for its mask.
                StallTimeout = _address.Kind == MediaKind.File ? null : Stall,
                OpenTimeout = _address.Kind == MediaKind.File ? null : Stall,
            }, _over.Token);
            while (source.Read(_over.Token) is { } unit)
                using (unit)
                    if (unit is VideoFrame frame)
                    {
                        if (count++ == 0)
                            first = frame.Pts;
                        var time = begin + source.Video.TimeBase.ToTime(frame.Pts - first);
                        var length = source.Video.TimeBase.ToTime(frame.Duration);
                        end = time + (length > TimeSpan.Zero ? length : Usual);
                        Add(time, Brightness(frame));
                    }
        }
        catch (MediaException e) when (_address.IsLive && !_over.IsCancellationRequested)
        {
            // It may come back; until then its last frame stays.
            if (_lost != e.Message)
                _say($"mask {_address.Shown}: {e.Message}; tried again every second");
            _lost = e.Message;
        }
        begin = end;
        if (_address.IsLive)
            return !_over.Token.WaitHandle.WaitOne(BetweenTries);
        if (count == 0)
            throw new MediaException("it holds no picture that can be decoded");
        // A still stays as it is.
        return !_isHeld && count > 1;
    }

    private void Add(TimeSpan time, byte[] shares)
    {
        lock (_gate)
        {
            if (_address.IsLive)
                _frames.Clear();
            while (_frames.Count >= Ahead && !_isEnded)
                Monitor.Wait(_gate);
            _frames.Enqueue((time, shares));
            Monitor.PulseAll(_gate);
        }
        _over.Token.ThrowIfCancellationRequested();
    }

    // As luma is made of colours (BT.601).
    private static byte[] Brightness(VideoFrame frame)
    {
        var pixels = frame.Pixels;
        var shares = new byte[frame.Width * frame.Height];
        for (var i = 0; i < shares.Length; i++)
            shares[i] = (byte)((77 * pixels[3 * i] + 150 * pixels[3 * i + 1] + 29 * pixels[3 * i + 2] + 128) >> 8);
        return shares;
    }
}
