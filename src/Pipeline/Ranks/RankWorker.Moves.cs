using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// Blocks that move to a neighbour between two ticks. The order to move goes round the ring like a tick, so every rank carries it out after
/// the same tick. Caches that go forward leave ahead of the order, on the same link; a rank that takes blocks from the rank after it waits
/// for their caches, and for nothing else.
/// </summary>
public sealed partial class RankWorker
{
    private readonly Dictionary<int, Task<LoadedBlock>> _loading = [];
    private readonly Queue<LinkMessage> _heldBack = new();
    private readonly List<LinkMessage> _arrived = [];
    private int _missing;

    private bool IsWaitingForCaches => _missing > 0;

    private void Load(LoadOrder order, long number)
    {
        var (head, epoch) = (_head!, _epoch);
        DropLoaded(block => block < order.Start || block >= order.End || _loading[block].IsFaulted);
        var tasks = new List<Task>();
        for (var block = order.Start; block < order.End; block++)
        {
            var index = block;
            if (index >= _model!.FirstBlock && index < _model.FirstBlock + _model.BlockCount)
                continue;
            // Beside the ticks: reading weights must not hold the stream up.
            if (!_loading.TryGetValue(index, out var task))
                _loading[index] = task = Task.Run(() => model.LoadBlock(index));
            tasks.Add(task);
        }
        _ = Task.WhenAll(tasks).ContinueWith(
            all => Report(head, epoch, number, all), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private static void Report(ILink head, int epoch, long number, Task all)
    {
        try
        {
            head.Send(new LinkMessage(
                new LinkHeader
                {
                    Kind = LinkKind.Loaded,
                    Epoch = epoch,
                    Tick = number,
                    Detail = all.Exception?.InnerException?.Message.Split('\n')[0],
                }));
        }
        catch (LinkException)
        {
            // The driver has gone; nobody waits for these blocks.
        }
    }

    // Blocks of moves that did not come, and those that could not be loaded: another time they may be.
    private void DropLoaded(Predicate<int> which)
    {
        foreach (var block in _loading.Keys.Where(b => which(b)).ToArray())
            if (_loading.Remove(block, out var task))
                _ = task.ContinueWith(
                    loaded => loaded.Result.Dispose(), CancellationToken.None,
                    TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private LoadedBlock TakeLoaded(int block) =>
        _loading.Remove(block, out var task) ? task.GetAwaiter().GetResult() : model.LoadBlock(block);

    private void Move(LinkMessage message)
    {
        var order = CheckedMove(message.Header);
        var (oldStart, oldEnd) = (_place.Start, _place.End);
        var (start, end) = order.Of(_place.Rank);
        _place = _place with { Start = start, End = end };
        for (var block = oldEnd - 1; block >= end; block--)
            Give(_next!, block, first: false);
        Pass(message);
        for (var block = oldStart; block < start; block++)
            Give(_previous!, block, first: true);

        // Pools x blocks: those from the rank before are here already, those from the rank after are on their way.
        var fromBefore = Math.Max(0, oldStart - start) * _pools.Count;
        if (_arrived.Count(m => Controls.Read<CacheOrder>(m.Header.Detail).Block < oldStart) != fromBefore)
            throw new InvalidOperationException("the caches of moved blocks did not arrive with the order to move them");
        _missing = (Math.Max(0, end - oldEnd) + Math.Max(0, oldStart - start)) * _pools.Count - _arrived.Count;
        if (_missing == 0)
            TakeIn();
    }

    private void Give(ILink to, int block, bool first)
    {
        var caches = _pools.Select(s => (Number: s.Key, Moved: s.Value.Cache.RemoveBlock(first))).ToList();
        // What is handed over is complete.
        Synchronize();
        foreach (var (number, moved) in caches)
        {
            to.Send(new LinkMessage(
                new LinkHeader
                {
                    Kind = LinkKind.BlockCache,
                    Epoch = _epoch,
                    Pool = number,
                    Detail = Controls.Write(new CacheOrder(block, [.. moved.Queues], [.. moved.Written], [.. moved.Streaming])),
                },
                [.. moved.Contents.Select(t => new TensorPayload(t))]));
        }
    }

    private void TakeCache(LinkMessage message)
    {
        _arrived.Add(message);
        if (_missing > 0 && --_missing == 0)
        {
            TakeIn();
            while (_missing == 0 && _heldBack.TryDequeue(out var held))
                InOrder(held);
        }
    }

    // All caches are here: weights, caches and prompts of the new range.
    private void TakeIn()
    {
        var (oldStart, oldEnd) = (_model!.FirstBlock, _model.FirstBlock + _model.BlockCount);
        RankModel.Resize(_model, _place.Start, _place.End, TakeLoaded);
        foreach (var message in _arrived)
        {
            var cache = Controls.Read<CacheOrder>(message.Header.Detail);
            var contents = message.Payloads.Select(p => TensorPayload.Take(p, model.Device)).ToArray();
            _pools[message.Header.Pool].Cache.AddBlock(
                cache.Block < oldStart, new MovedCache(contents, cache.Queues, cache.Written, cache.Streaming));
        }
        _arrived.Clear();
        _prompts.EncodeAgain(_model);
        if ((oldStart, oldEnd) != (_place.Start, _place.End))
            Log?.Invoke($"{name}: blocks {oldStart} to {oldEnd - 1} became {_place.Start} to {_place.End - 1}");
    }

    private void ForgetMoves()
    {
        _missing = 0;
        foreach (var message in _heldBack.Concat(_arrived))
            message.Dispose();
        _heldBack.Clear();
        _arrived.Clear();
    }
}
