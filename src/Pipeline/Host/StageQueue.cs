namespace StreamDiff.Pipeline.Host;

/// <summary>Work of one stage of one session: done in order, one at a time, by any of the host's workers.</summary>
internal sealed class StageQueue(HostWorkers workers, Action<Exception> failed)
{
    private readonly Queue<StageJob> _jobs = new();
    private Action? _last;
    private bool _isClosed;

    /// <summary>True while a worker is at it; the workers' own.</summary>
    internal bool IsBusy { get; set; }

    /// <summary>Number of its last turn; the workers' own.</summary>
    internal long LastTurn { get; set; }

    /// <summary>Deadline of what would be next; null when there is nothing to do.</summary>
    internal TimeSpan? Next => IsBusy ? null : _jobs.TryPeek(out var job) ? job.Deadline : _last is not null ? TimeSpan.MinValue : null;

    /// <summary>Takes a piece of work.</summary>
    /// <param name="deadline">What is due first is done first, of all sessions.</param>
    /// <param name="item">What it works on; disposed after the work, or instead of it.</param>
    /// <param name="work">The work; a failure ends the session.</param>
    public void Add(TimeSpan deadline, IDisposable item, Action work)
    {
        lock (workers.Gate)
        {
            if (!_isClosed)
            {
                _jobs.Enqueue(new StageJob(deadline, item, work));
                workers.Wake();
                return;
            }
        }
        item.Dispose();
    }

    /// <summary>Leaves out what has not begun and does one thing last of all.</summary>
    public void Close(Action last)
    {
        StageJob[] dropped;
        lock (workers.Gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            dropped = [.. _jobs];
            _jobs.Clear();
            _last = last;
            workers.Wake();
        }
        foreach (var job in dropped)
            job.Item.Dispose();
    }

    /// <summary>Takes the next piece of work; under the workers' gate.</summary>
    internal Action Begin()
    {
        IsBusy = true;
        if (_jobs.TryDequeue(out var job))
            return () => Run(job);
        var last = _last!;
        _last = null;
        workers.Remove(this);
        return () => Guard(last);
    }

    private void Run(StageJob job)
    {
        using (job.Item)
            Guard(job.Work);
    }

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            failed(e);
        }
    }

    private readonly record struct StageJob(TimeSpan Deadline, IDisposable Item, Action Work);
}
