using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Transport.Links;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// Ticks in a ring of ranks. Everything that changes lanes or prompts goes through the ring in order with the ticks. What the ring was told
/// is remembered: when a rank is lost, it is formed anew by those that are left and told again, so that streams find the same pools, leases
/// and prompts, and empty lanes.
/// </summary>
internal sealed class RingTickRunner : ITickRunner
{
    private readonly RankRing _ring;
    private readonly RankBalancer? _balancer;
    private readonly SortedDictionary<int, RingLanePool> _pools = [];
    private readonly SortedDictionary<int, RingPrompt> _prompts = [];
    private int _made;
    private long _issued;
    private LoraStrengths? _loras;
    private RankFailedException? _lost;

    /// <param name="ring">Formed; stays the caller's.</param>
    /// <param name="balancer">Spreads the blocks by what is measured; null leaves them where they are.</param>
    public RingTickRunner(RankRing ring, RankBalancer? balancer = null)
    {
        (_ring, _balancer) = (ring, balancer);
        if (balancer is not null)
            ring.Timed = timings => balancer.Measured(ring, timings);
    }

    /// <summary>Latents travel from the host into the ring and back.</summary>
    public Device Device => CPU;

    public int MostInFlight => _ring.Depth;

    public int MostEverInFlight => _ring.MostDepth;

    public bool CanLoseCaches => true;

    public bool WantsRecovery => _ring.HasReturned;

    public Action? Progress
    {
        set => _ring.Arrived = value;
    }

    public LanePool CreatePool(DenoiserOptions shape, int lanes)
    {
        var pool = new RingLanePool(this, ++_made, shape, lanes);
        try
        {
            if (_lost is null && _ring.Open(pool.Number, pool.Opening) is { } obstacle)
                throw new ModelException(obstacle);
        }
        catch (RankFailedException e)
        {
            // Made when the ring is formed anew.
            _lost = e;
        }
        _pools.Add(pool.Number, pool);
        return pool;
    }

    public IPrompt Encode(Tensor embeddings, LoraStrengths? loras = null)
    {
        var prompt = new RingPrompt(this, ++_made, embeddings.to(CPU, copy: true).DetachFromDisposeScope(), loras);
        _prompts.Add(prompt.Number, prompt);
        Tell(prompt);
        return prompt;
    }

    public void Issue(TickWork tick)
    {
        ThrowIfLost();
        if (tick.Pool.Fault is { } fault)
            throw new ModelException(fault);
        Remembered(Look);
        var rows = new LinkRow[tick.Rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            var row = tick.Rows[i];
            rows[i] = new LinkRow(
                row.Lane, tick.Steps[i], tick.Chunks[i], row.Position, tick.Timesteps[i], ((RingPrompt)tick.Prompts[i]).Number,
                row.SinkThreshold, row.SinkFrames, row.Visit, row.Visits);
        }
        Use(tick.Loras);
        ThrowIfLost();
        // Ranks work on what they are given; the latents stay the chunk's.
        Send(new LinkMessage(
            _ring.Header(LinkKind.Tick, ((RingLanePool)tick.Pool).Number, _issued++) with { Rows = rows },
            new TensorPayload(tick.Latents.clone())));
        ThrowIfLost();
    }

    public Tensor? Collect(bool wait)
    {
        ThrowIfLost();
        using var result = Remembered(() => wait ? _ring.Receive() : _ring.TryReceive());
        if (result is null)
            return null;
        _pools.GetValueOrDefault(result.Header.Pool)?.Done();
        return TensorPayload.Copy(result.Payloads[0], CPU);
    }

    public void Recover()
    {
        try
        {
            _ring.Form();
        }
        catch (LinkException e)
        {
            throw new ModelException($"ranks: {e.Message}", e);
        }
        (_lost, _loras) = (null, null);
        foreach (var pool in _pools.Values)
            pool.OpenAgain();
        foreach (var prompt in _prompts.Values)
            Tell(prompt);
        ThrowIfLost();
    }

    public void Dispose()
    {
        foreach (var prompt in _prompts.Values.ToArray())
            prompt.Dispose();
        foreach (var pool in _pools.Values.ToArray())
            pool.Dispose();
    }

    private void Tell<T>(int pool, LinkKind kind, T control) => Send(new LinkMessage(_ring.Header(kind, pool, 0, Controls.Write(control))));

    private void Tell(RingPrompt prompt)
    {
        Use(prompt.Loras);
        Send(new LinkMessage(_ring.Header(LinkKind.Prompt, 0, prompt.Number), new TensorPayload(prompt.Embeddings.clone())));
    }

    // In order with what follows them.
    private void Use(LoraStrengths? loras)
    {
        if (Equals(loras, _loras))
            return;
        Tell(0, LinkKind.Loras, new LoraOrder(loras?.Entries.Select(e => e.Strength).ToArray()));
        _loras = loras;
    }

    // A ring that cannot be told is found lost by the next tick, and told everything again when it is formed anew.
    private void Send(LinkMessage message)
    {
        if (_lost is not null)
        {
            message.Dispose();
            return;
        }
        try
        {
            _ring.Send(message);
        }
        catch (RankFailedException e)
        {
            _lost = e;
        }
    }

    private bool Look()
    {
        _balancer?.Look(_ring);
        _ring.Pump();
        return true;
    }

    // Whoever gives up after this finds the ring lost the next time as well: its ranks have forgotten everything.
    private T Remembered<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (RankFailedException e)
        {
            _lost = e;
            _pools.GetValueOrDefault(e.Pool)?.Exhausted(e.Message);
            throw;
        }
    }

    private void ThrowIfLost()
    {
        if (_lost is not null)
            throw _lost;
    }

    private sealed class RingLanePool(RingTickRunner runner, int number, DenoiserOptions shape, int lanes) : LanePool(shape, lanes)
    {
        private const int TicksToForget = 100;

        private string? _fault;
        private int _exhausted;
        private int _ticksToForget;

        public int Number => number;

        public PoolOpening Opening => PoolOpening.Of(Shape, Lanes);

        public override string? Fault => _fault;

        // Fewer ranks share the blocks, perhaps: each has more to hold.
        public void OpenAgain()
        {
            if (_exhausted < 2)
                _fault = runner.Remembered(() => runner._ring.Open(number, Opening));
        }

        /// <summary>There was no memory for a tick. The second time it is not tried again: others want to go on.</summary>
        public void Exhausted(string reason)
        {
            _ticksToForget = TicksToForget;
            if (++_exhausted > 1)
                _fault = reason;
        }

        /// <summary>A tick is done.</summary>
        public void Done()
        {
            if (_exhausted == 1 && --_ticksToForget == 0)
                _exhausted = 0;
        }

        public override void Copy(int from, int to) => Order(new LaneOrder(to, from));

        public override void Dispose()
        {
            if (runner._pools.Remove(number))
                runner.Send(new LinkMessage(runner._ring.Header(LinkKind.ClosePool, number)));
        }

        protected override void Clear(int lane) => Order(new LaneOrder(lane, null));

        private void Order(LaneOrder order)
        {
            if (_fault is null)
                runner.Tell(number, LinkKind.Lanes, order);
        }
    }

    private sealed class RingPrompt(RingTickRunner runner, int number, Tensor embeddings, LoraStrengths? loras) : IPrompt
    {
        public int Number => number;

        public LoraStrengths? Loras => loras;

        public Tensor Embeddings => embeddings;

        public void Dispose()
        {
            if (!runner._prompts.Remove(number))
                return;
            runner.Send(new LinkMessage(runner._ring.Header(LinkKind.ForgetPrompt, 0, number)));
            embeddings.Dispose();
        }
    }
}
