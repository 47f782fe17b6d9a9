using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Transport.Links;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// One rank: a thread that owns a device, holds a range of blocks and the caches of these blocks for every stream, and passes what it has
/// computed to the next rank. The same code whether its neighbours are threads of the same process or processes elsewhere. Everything that
/// changes a stream comes through the ring in order with its ticks, so it takes effect at the same chunk on every rank.
/// </summary>
public sealed partial class RankWorker(RankModel model, LinkInbox inbox, IRankConnector connector, string name) : IDisposable
{
    private readonly Dictionary<int, RankPool> _pools = [];
    private readonly RankPrompts _prompts = new();
    private CausalWanModel? _model;
    private Assignment _place = new(0, 0, 0, 0, null);
    private int _epoch = -1;
    private ILink? _head;
    private ILink? _previous;
    private ILink? _next;
    private (ILink Link, int Epoch, long Ring)? _neighbour;
    private long _idleSince = Stopwatch.GetTimestamp();
    private long _lastSend;
    private int _poolOfTick;

    /// <summary>What happens on this rank, for a log: one line each.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>Slows every tick down by so much per block, for measurements of the block scheduler. Default none.</summary>
    public TimeSpan ExtraTimePerBlock { get; set; }

    /// <summary>The same per tick whatever the number of blocks, in place of a VAE on this rank. Default none.</summary>
    public TimeSpan ExtraTimePerTick { get; set; }

    /// <summary>Called on the rank's thread before each tick of a pool, by tests that make a rank hang or fail.</summary>
    internal Action<PoolOpening>? BeforeTick { get; set; }

    /// <summary>The same before it makes a pool.</summary>
    internal Action<PoolOpening>? BeforePool { get; set; }

    /// <summary>Works until the inbox is closed. One thread calls this, and only that thread touches the tensors of the rank.</summary>
    /// <param name="threads">Compute threads on the CPU; null leaves libtorch's own number.</param>
    public void Run(int? threads = null)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        if (threads is { } count)
            ComputeThreads.Set(count);
        while (inbox.Take(Timeout.InfiniteTimeSpan, out var item))
        {
            inbox.BusySince = Stopwatch.GetTimestamp();
            _poolOfTick = 0;
            try
            {
                if (item.Message is null)
                    Closed(item.Link, item.Reason ?? "ended");
                else
                    Received(item.Link, item.Message);
            }
            catch (NonsenseException e)
            {
                Refuse(item.Link, e.Message);
            }
            catch (Exception e)
            {
                // Whatever it is, the rank lives on: its driver learns of it and begins anew.
                Fail(e);
            }
            inbox.BusySince = 0;
        }
        Reset();
        _model?.Dispose();
        DropLoaded(_ => true);
    }

    public void Dispose()
    {
        inbox.Dispose();
        _previous?.Dispose();
        _next?.Dispose();
        _head?.Dispose();
    }

    private void Received(ILink link, LinkMessage message)
    {
        var header = message.Header;
        switch (header.Kind)
        {
            case LinkKind.Assign:
                using (message)
                    Assign(link, header);
                return;
            case LinkKind.Invite:
                using (message)
                    AnswerInvitation(link, header);
                return;
            case LinkKind.Neighbour:
                using (message)
                    MeetNeighbour(link, header.Epoch, header.Tick);
                return;
            case LinkKind.Load when ReferenceEquals(link, _head):
                using (message)
                    Load(CheckedLoad(header), header.Tick);
                return;
            case var _ when header.Epoch != _epoch || !FromTheRing(link):
                // Of an assignment that has ended, or from somebody who has no part in it.
                message.Dispose();
                return;
        }
        try
        {
            switch (header.Kind)
            {
                case LinkKind.BlockCache:
                    CheckCache(message);
                    TakeCache(message);
                    return;
                case var _ when ReferenceEquals(link, _next):
                    throw new NonsenseException($"{header.Kind} from the rank after this one");
                case var _ when IsWaitingForCaches:
                    Expect(_heldBack.Count < MostHeldBack, "more messages than a ring has in flight");
                    _heldBack.Enqueue(message);
                    return;
                default:
                    InOrder(message);
                    return;
            }
        }
        catch (NonsenseException)
        {
            // Checked before anything is taken over.
            message.Dispose();
            throw;
        }
    }

    private bool FromTheRing(ILink link) => ReferenceEquals(link, _previous ?? _head) || ReferenceEquals(link, _next);

    private void InOrder(LinkMessage message)
    {
        if (message.Header.Kind == LinkKind.Tick)
        {
            CheckTick(message);
            Tick(message);
            return;
        }
        switch (message.Header.Kind)
        {
            case LinkKind.Move:
                // Between the caches that it hands on.
                Move(message);
                break;
            case LinkKind.OpenPool:
                OpenPool(message);
                break;
            default:
                Apply(message);
                Pass(message);
                break;
        }
    }

    // What there is no memory for ends the session that wants it, and nothing else: the driver has the ranks before this one forget it.
    private void OpenPool(LinkMessage message)
    {
        if (ObstacleToPool(message.Header) is not { } obstacle)
        {
            Pass(message);
            return;
        }
        using (message)
        {
            Log?.Invoke($"{name}: {obstacle}");
            _head!.Send(new LinkMessage(
                new LinkHeader { Kind = LinkKind.Failed, Epoch = _epoch, Pool = message.Header.Pool, Detail = obstacle }));
        }
    }

    /// <summary>Makes a pool; null when it is there, otherwise why not.</summary>
    private string? ObstacleToPool(LinkHeader header)
    {
        try
        {
            var opening = CheckedPool(header);
            BeforePool?.Invoke(opening);
            _pools.Add(header.Pool, new RankPool(_model!, opening));
            return null;
        }
        catch (ModelException e)
        {
            return e.Message;
        }
        catch (Exception e) when (HostMemory.IsExhausted(e))
        {
            // What was made of it has gone, and so should its memory.
            NativeHeap.Trim();
            return $"a KV cache cannot be made on {model.Device}: {e.Message.Split('\n')[0]}";
        }
    }

    /// <summary>Carries a control message out; does not take it over.</summary>
    private void Apply(LinkMessage message)
    {
        var header = message.Header;
        switch (header.Kind)
        {
            case LinkKind.ClosePool:
                if (_pools.Remove(header.Pool, out var closed))
                {
                    closed.Dispose();
                    // Streams that come and go leave holes in a rank's heap as they do in a host's.
                    NativeHeap.Trim();
                }
                break;
            case LinkKind.Prompt:
                CheckPrompt(message);
                _prompts.Add((int)header.Tick, TensorPayload.Copy(message.Payloads[0], model.Device), _model!);
                break;
            case LinkKind.ForgetPrompt:
                _prompts.Forget((int)header.Tick);
                break;
            case LinkKind.Loras:
                var loras = CheckedLoras(header);
                _model!.UseLoras(loras.Strengths is { } strengths ? model.Loras!.Strengths.With(strengths) : null);
                break;
            case LinkKind.Lanes:
                var order = CheckedLanes(header);
                _pools[header.Pool].Apply(order);
                break;
            default:
                throw new NonsenseException($"{header.Kind}, which is nothing for a rank");
        }
    }

    private void Tick(LinkMessage message)
    {
        using var scope = NewDisposeScope();
        var started = Stopwatch.GetTimestamp();
        var header = message.Header;
        var pool = _pools[header.Pool];
        _poolOfTick = header.Pool;
        BeforeTick?.Invoke(pool.Opening);
        var first = _place.Rank == 0;
        var latents = TensorPayload.From(message.Payloads[^1], model.Device);
        var tokens = first ? null : TensorPayload.From(message.Payloads[0], model.Device);
        var received = Stopwatch.GetTimestamp();
        try
        {
            tokens ??= new TensorPayload(_model!.Embed(latents.Tensor));
            var tick = pool.TickOf(header.Rows, (int)latents.Tensor.size(1), _prompts);
            Delay(ExtraTimePerTick);
            Synchronize();
            var embedded = Stopwatch.GetTimestamp();
            pool.Blocks(_model!, tokens.Tensor, tick);
            Delay(ExtraTimePerBlock * _model!.BlockCount);
            Synchronize();
            var blocksDone = Stopwatch.GetTimestamp();
            LinkMessage outgoing;
            if (_next is null)
            {
                var clean = new TensorPayload(pool.Clean(_model!, tokens.Tensor, latents.Tensor, tick));
                tokens.Dispose();
                latents.Dispose();
                outgoing = new LinkMessage(Timed(LinkKind.Result), clean);
            }
            else
                outgoing = new LinkMessage(Timed(LinkKind.Tick), tokens, latents);
            var computed = Stopwatch.GetTimestamp();
            (_next ?? _head!).Send(outgoing);
            _idleSince = Stopwatch.GetTimestamp();
            _lastSend = _idleSince - computed;

            LinkHeader Timed(LinkKind kind)
            {
                Synchronize();
                var blocks = blocksDone - embedded;
                var other = Stopwatch.GetTimestamp() - received - blocks;
                var timing = new RankTiming(
                    _place.Rank, Nanoseconds(started), Nanoseconds(started - _idleSince), Nanoseconds(received - started),
                    Nanoseconds(blocks), Nanoseconds(other), Nanoseconds(_lastSend));
                return header with { Kind = kind, Timings = [.. header.Timings, timing] };
            }
        }
        catch
        {
            tokens?.Dispose();
            latents.Dispose();
            throw;
        }
    }

    // Where work is handed on the rank waits for its device, and so knows how long it took.
    private void Synchronize()
    {
        if (model.Device.type == DeviceType.CUDA)
            cuda.synchronize(model.Device);
    }

    private static long Nanoseconds(long ticks) => (long)(ticks * (1e9 / Stopwatch.Frequency));

    private static void Delay(TimeSpan extra)
    {
        if (extra <= TimeSpan.Zero)
            return;
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < extra)
            Thread.Yield();
    }

    /// <summary>Hands a control message on; the driver learns when it has been everywhere.</summary>
    private void Pass(LinkMessage message)
    {
        if (_next is not null)
        {
            _next.Send(message);
            return;
        }
        using (message)
            _head!.Send(new LinkMessage(
                new LinkHeader
                {
                    Kind = LinkKind.Passed,
                    Epoch = _epoch,
                    Pool = message.Header.Pool,
                    Tick = message.Header.Tick,
                    Detail = message.Header.Kind.ToString(),
                }));
    }

    // A peer that talks nonsense loses its link, and with it its part in the ring.
    private void Refuse(ILink link, string nonsense)
    {
        Log?.Invoke($"{name}: {link.Peer} sent {nonsense}; its link is closed");
        link.Dispose();
        if (_neighbour?.Link == link)
            _neighbour = null;
        if (ReferenceEquals(link, _head))
        {
            _head = null;
            Reset();
        }
        else if (ReferenceEquals(link, _next) || ReferenceEquals(link, _previous))
            Fail(new LinkException($"the neighbour {link.Peer} sent {nonsense}"));
    }

    private void Fail(Exception e)
    {
        Log?.Invoke($"{name}: {e.Message}");
        // Of a tick that takes too much memory the driver learns whose it was.
        var failed = new LinkHeader
        {
            Kind = LinkKind.Failed,
            Epoch = _epoch,
            Pool = HostMemory.IsExhausted(e) ? _poolOfTick : 0,
            Detail = e.Message.Split('\n')[0],
        };
        Reset();
        if (_head is null)
            return;
        try
        {
            _head.Send(new LinkMessage(failed));
        }
        catch (LinkException)
        {
            // The driver is gone as well: the next one will assign anew.
        }
    }
}
