using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace StreamDiff.CommandLine;

/// <summary>
/// What waits to be written to standard output and standard error, in the order in which it was said, and the thread that writes it. Who
/// says something never learns of a full disk, a reader that has gone or one that stands still: news that finds no room is dropped and
/// counted, and the count is told once there is room again. Only results on standard output wait for room, and are missed when they are
/// lost.
/// </summary>
internal sealed class StandardQueue : IDisposable
{
    // A pipe that takes anything takes so much at once, so that no write waits.
    private const int MostAtOnce = 4096;
    private const int MostWaiting = 1 << 20;
    private const int PollMilliseconds = 200;
    private static readonly TimeSpan PauseWhenFull = TimeSpan.FromMilliseconds(200);

    private readonly object _gate = new();
    private readonly Lane _out = new(StandardDescriptor.Output);
    private readonly Lane _error = new(StandardDescriptor.Error);
    private readonly ManualResetEventSlim _closed = new();
    private Thread? _thread;
    private long _sequence;
    private long _progress = Stopwatch.GetTimestamp();
    private bool _isClosed;

    /// <summary>True where standard output is what the command is for: it waits for its reader, and what is lost is an error.</summary>
    public bool OutIsResult { get; set; }

    /// <summary>The line that tells how many were dropped and why. Default: a note in words.</summary>
    public Func<long, string, string> DroppedLine { get; set; } =
        (count, reason) => $"note: {count} {(count == 1 ? "message was" : "messages were")} dropped: {reason}";

    /// <summary>Why a part of standard output is lost; null where nothing is.</summary>
    public string? LostResult
    {
        get
        {
            lock (_gate)
                return _out.Lost > 0 ? _out.Trouble : null;
        }
    }

    /// <summary>Writes to these descriptors from here on.</summary>
    public void Lead(int output, int error)
    {
        lock (_gate)
            (_out.Descriptor, _error.Descriptor) = (output, error);
    }

    /// <summary>Takes text over. Never throws; waits only where standard output is the result and its reader is slow.</summary>
    public void Put(bool isError, ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return;
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        var lane = isError ? _error : _out;
        lock (_gate)
        {
            while (!lane.IsGone && !_isClosed && lane.Waiting > 0 && lane.Waiting + bytes.Length > MostWaiting)
            {
                if (isError || !OutIsResult)
                {
                    lane.Drop("nobody reads it");
                    return;
                }
                Monitor.Wait(_gate);
            }
            if (lane.IsGone || _isClosed)
            {
                lane.Drop(lane.Trouble ?? "the program ends");
                return;
            }
            lane.Pieces.Enqueue((_sequence++, bytes));
            lane.Waiting += bytes.Length;
            _thread ??= Begin();
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until all is written or given up.</summary>
    /// <param name="patience">Longest time without a byte written; results of a command have no limit.</param>
    public void Flush(TimeSpan patience)
    {
        lock (_gate)
        {
            var start = Math.Max(_progress, Stopwatch.GetTimestamp());
            while (_out.Waiting + _error.Waiting > 0)
            {
                var left = patience - Stopwatch.GetElapsedTime(Math.Max(start, _progress));
                var isResult = OutIsResult && _out.Waiting > 0;
                if (left <= TimeSpan.Zero && !isResult)
                    return;
                Monitor.Wait(_gate, isResult ? Timeout.InfiniteTimeSpan : left);
            }
        }
    }

    /// <summary>Ends the thread; what still waits is given up.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _closed.Set();
            Monitor.PulseAll(_gate);
        }
    }

    private Thread Begin()
    {
        var thread = new Thread(WriteAll) { Name = "streamdiff output", IsBackground = true };
        thread.Start();
        return thread;
    }

    private void WriteAll()
    {
        while (Next() is { } lanes)
        {
            // The one that was said first, of those that can be written: one that stands still does not hold the other up.
            var ready = StandardDescriptor.Ready([.. lanes.Select(l => l.Descriptor)], PollMilliseconds);
            if (lanes.FirstOrDefault(l => ready.Contains(l.Descriptor)) is { } lane)
                WriteOne(lane);
        }
    }

    // Those with something to write, in the order in which it was said; null at the end.
    private Lane[]? Next()
    {
        lock (_gate)
        {
            while (_out.Waiting + _error.Waiting == 0 && !_isClosed)
                Monitor.Wait(_gate);
            if (_isClosed)
                return null;
            return [.. new[] { _out, _error }.Where(l => l.Pieces.Count > 0).OrderBy(l => l.Pieces.Peek().Sequence)];
        }
    }

    private void WriteOne(Lane lane)
    {
        var isFirst = lane.Written == 0;
        if (isFirst && lane.Dropped > 0 && !(OutIsResult && lane == _out))
            lane.Notice ??= Encoding.UTF8.GetBytes($"{(lane.IsWithinLine ? "\n" : "")}{DroppedLine(lane.Dropped, lane.Trouble ?? "")}\n");
        var notice = lane.Notice;
        var piece = notice ?? lane.Pieces.Peek().Bytes;
        var part = piece.AsSpan(lane.Written, Math.Min(MostAtOnce, piece.Length - lane.Written));
        var count = StandardDescriptor.Write(lane.Descriptor, part);
        lock (_gate)
        {
            if (count < 0)
            {
                Fail(lane, -count);
                Monitor.PulseAll(_gate);
            }
            else if (count > 0)
            {
                _progress = Stopwatch.GetTimestamp();
                lane.IsWithinLine = part[count - 1] != (byte)'\n';
                lane.Written += count;
                if (lane.Written == piece.Length)
                    Done(lane, notice is not null);
                Monitor.PulseAll(_gate);
            }
        }
        // A disk may have room again later; until then it is not asked without end.
        if (count < 0 && !lane.IsGone)
            _closed.Wait(PauseWhenFull);
    }

    private static void Done(Lane lane, bool isNotice)
    {
        lane.Written = 0;
        if (isNotice)
        {
            (lane.Notice, lane.Dropped) = (null, 0);
            return;
        }
        lane.Waiting -= lane.Pieces.Dequeue().Bytes.Length;
    }

    private static void Fail(Lane lane, int error)
    {
        lane.IsGone = error is StandardDescriptor.BrokenPipe or StandardDescriptor.NotOpen;
        (lane.Written, lane.Notice) = (0, null);
        var reason = Marshal.GetPInvokeErrorMessage(error);
        // All that waits fails in the same way: what is said later may fare better.
        while (lane.Pieces.Count > 0)
        {
            lane.Waiting -= lane.Pieces.Dequeue().Bytes.Length;
            lane.Drop(reason);
        }
    }

    private sealed class Lane(int descriptor)
    {
        public int Descriptor { get; set; } = descriptor;

        public Queue<(long Sequence, byte[] Bytes)> Pieces { get; } = [];

        public int Waiting { get; set; }

        /// <summary>Bytes written of the first piece, or of the notice.</summary>
        public int Written { get; set; }

        public byte[]? Notice { get; set; }

        public bool IsGone { get; set; }

        public bool IsWithinLine { get; set; }

        /// <summary>Pieces dropped since the last notice.</summary>
        public long Dropped { get; set; }

        /// <summary>Pieces dropped in all.</summary>
        public long Lost { get; private set; }

        public string? Trouble { get; private set; }

        public void Drop(string reason)
        {
            (Trouble, Dropped, Lost) = (reason, Dropped + 1, Lost + 1);
        }
    }
}
