namespace StreamDiff.Pipeline.Control;

/// <summary>A change that took effect.</summary>
/// <param name="Change">The change.</param>
/// <param name="Chunk">First chunk that follows it.</param>
/// <param name="Frame">Number of that chunk's first frame in the stream, from 0.</param>
public sealed record AppliedChange(ControlChange Change, long Chunk, long Frame)
{
    public override string ToString() => $"chunk {Chunk} (frame {Frame}): {Change}";
}

/// <summary>A change on its way.</summary>
public sealed class PendingChange
{
    private readonly TaskCompletionSource<AppliedChange> _effect = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PendingChange(ControlChange change) => Change = change;

    public ControlChange Change { get; }

    /// <summary>
    /// Where the change took effect; fails with a <see cref="ControlException"/> where the stream cannot make it, or ended before.
    /// </summary>
    public Task<AppliedChange> Effect => _effect.Task;

    /// <summary>What the change needs before it can take effect, such as its prompt's embedding.</summary>
    internal Task Prepared { get; set; } = Task.CompletedTask;

    /// <summary>One that takes effect as several do, when the last of them has.</summary>
    internal static PendingChange Of(ControlChange change, IReadOnlyList<PendingChange> parts)
    {
        var whole = new PendingChange(change);
        Task.WhenAll(parts.Select(p => p.Effect)).ContinueWith(
            done =>
            {
                if (done.IsCompletedSuccessfully)
                    whole.Took(done.Result[^1] with { Change = change });
                else
                    whole.Failed(done.Exception!.InnerException as ControlException
                        ?? new ControlException(done.Exception.InnerException!.Message));
            }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return whole;
    }

    internal void Took(AppliedChange applied) => _effect.TrySetResult(applied);

    internal void Failed(ControlException reason)
    {
        _effect.TrySetException(reason);
        // Nobody need look at it.
        _ = _effect.Task.Exception;
    }
}
