namespace StreamDiff.Transport.Links;

/// <summary>What a message between ranks is. The numbers are the wire's: append, never renumber.</summary>
public enum LinkKind : byte
{
    /// <summary>Rows of the denoising batch on their way through the ring.</summary>
    Tick = 1,

    /// <summary>Rows that have been through all blocks, from the last rank to the driver.</summary>
    Result = 2,

    /// <summary>Opens a pool of cache lanes on every rank; goes through the ring.</summary>
    OpenPool = 3,

    /// <summary>Ends a pool on every rank; goes through the ring.</summary>
    ClosePool = 4,

    /// <summary>Embeddings of a prompt; goes through the ring, so that every rank knows it at the same chunk.</summary>
    Prompt = 5,

    /// <summary>A prompt that no later row follows; goes through the ring.</summary>
    ForgetPrompt = 6,

    /// <summary>A cache lane is copied to another one, or emptied; goes through the ring.</summary>
    Lanes = 7,

    /// <summary>The blocks are spread anew from here on; goes through the ring.</summary>
    Move = 8,

    /// <summary>The cache of a block that moves, from one rank to its neighbour.</summary>
    BlockCache = 9,

    /// <summary>A control message has been through all ranks; from the last rank to the driver.</summary>
    Passed = 10,

    /// <summary>Strengths of LoRAs, for the prompts and ticks that follow; goes through the ring.</summary>
    Loras = 11,

    /// <summary>From the driver: place in the ring, blocks, neighbour. Ends everything that was before.</summary>
    Assign = 20,

    /// <summary>To the driver: the assignment has been carried out.</summary>
    Ready = 21,

    /// <summary>From the driver: load these blocks, which will move here soon.</summary>
    Load = 22,

    /// <summary>To the driver, with the number of the order: they are loaded, or why they cannot be; the rank goes on as before.</summary>
    Loaded = 23,

    /// <summary>
    /// To the driver: this rank cannot go on; with the number of a pool: there was no memory for a tick of it. As the answer to a pool that
    /// is to be opened: there is no memory for that, and the rank goes on as before.
    /// </summary>
    Failed = 24,

    /// <summary>First message on a link between neighbours, with the number of their driver's ring.</summary>
    Neighbour = 25,

    /// <summary>First message on a link between neighbours on devices that can reach each other: the ids of their communicators.</summary>
    DeviceIds = 26,

    /// <summary>
    /// From a driver to a rank that it has lost: could it take part, with these blocks. Changes nothing but what is loaded.
    /// </summary>
    Invite = 27,

    /// <summary>To a driver that assigns or invites: this rank cannot take part, whoever its neighbours are.</summary>
    Declined = 28,

    /// <summary>Are you there; answered by the link, not by the rank.</summary>
    Ping = 30,

    /// <summary>The answer to a ping.</summary>
    Pong = 31,

    /// <summary>The peer ends the link and means it.</summary>
    Bye = 32,
}

/// <summary>One row of a tick.</summary>
/// <param name="Lane">Cache lane.</param>
/// <param name="Step">Denoising step, from 0.</param>
/// <param name="Chunk">Number of the chunk in its stream.</param>
/// <param name="Position">Absolute position of the first token.</param>
/// <param name="Timestep">Denoising timestep, 0 to 1000.</param>
/// <param name="Prompt">Number of the prompt that the row follows.</param>
/// <param name="SinkThreshold">Similarity below which a sink is replaced, in place of the pool's own; null keeps that.</param>
/// <param name="SinkFrames">Frames that the lane keeps from this row on; null changes nothing.</param>
/// <param name="Visit">0 for a chunk that is new to the lane, above for a later step of the chunk that it saw last.</param>
/// <param name="Visits">How many steps of the chunk the lane sees.</param>
public readonly record struct LinkRow(
    int Lane, int Step, long Chunk, long Position, double Timestep, int Prompt, double? SinkThreshold = null, int? SinkFrames = null,
    int Visit = 0, int Visits = 1);

/// <summary>
/// What one rank did in one tick. Times are nanoseconds; the start is the machine's monotonic clock, comparable between processes of one
/// machine.
/// </summary>
/// <param name="Rank">Place in the ring.</param>
/// <param name="Start">When the tick's message was taken.</param>
/// <param name="Wait">Waiting for the message, from the end of the tick before.</param>
/// <param name="Receive">Making tensors of it: copies to the device.</param>
/// <param name="Blocks">The transformer blocks.</param>
/// <param name="Other">Embedding, head, and what else this rank does in a tick that does not depend on its number of blocks.</param>
/// <param name="Send">Handing over the result of the tick before.</param>
public readonly record struct RankTiming(int Rank, long Start, long Wait, long Receive, long Blocks, long Other, long Send);

/// <summary>An array that travels from device to device beside its header.</summary>
public readonly record struct DeviceArraySpec(ElementType Type, long[] Shape);

/// <summary>Everything of a message but its numbers.</summary>
public sealed record LinkHeader
{
    public required LinkKind Kind { get; init; }

    /// <summary>Number of the pool of lanes; 0 where a message concerns none.</summary>
    public int Pool { get; init; }

    /// <summary>Assignment of the ring that the message belongs to; older ones are thrown away.</summary>
    public int Epoch { get; init; }

    /// <summary>Number of the tick or control message.</summary>
    public long Tick { get; init; }

    public IReadOnlyList<LinkRow> Rows { get; init; } = [];

    /// <summary>What the ranks passed so far measured in this tick.</summary>
    public IReadOnlyList<RankTiming> Timings { get; init; } = [];

    /// <summary>JSON of a control message, or a reason in words.</summary>
    public string? Detail { get; init; }

    /// <summary>Arrays of the message that do not follow on the same link; used by links that have another way for them.</summary>
    public IReadOnlyList<DeviceArraySpec> DeviceArrays { get; init; } = [];
}

/// <summary>A header and the arrays that go with it. Whoever holds it disposes it; sending hands it over.</summary>
public sealed class LinkMessage(LinkHeader header, params IReadOnlyList<LinkPayload> payloads) : IDisposable
{
    public LinkHeader Header => header;

    public IReadOnlyList<LinkPayload> Payloads => payloads;

    public void Dispose()
    {
        foreach (var payload in payloads)
            payload.Dispose();
    }
}
