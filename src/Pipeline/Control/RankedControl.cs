using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Ranks;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// A stream on several ranks whose prompt changes. As there, chunks in flight follow a new prompt in their next steps. Other settings are fixed when the ring opens the stream.
/// </summary>
internal sealed class RankedControl : IRestyleStream, IChunkDenoiser
{
    private const string Fixed = "cannot change on several ranks: run without --ranks";
    private readonly RankedStream _ranks;
    private readonly StreamSteering _steering;

    private RankedControl(RankedStream ranks, StreamSteering steering) => (_ranks, _steering) = (ranks, steering);

    public IChunkEncoder Encoder => _ranks.Encoder;

    public IChunkDenoiser Denoiser => this;

    public ChunkDecoder Decoder => _ranks.Decoder;

    /// <summary>What a stream on ranks can change.</summary>
    internal static ControlLimits Limits { get; } = new()
    {
        Refused = new Dictionary<Type, string>
        {
            [typeof(NoiseScaleChange)] = $"noise {Fixed}",
            [typeof(StepsChange)] = $"steps {Fixed}",
            [typeof(SeedChange)] = $"seed {Fixed}",
            [typeof(SinksChange)] = $"sinks {Fixed}",
            [typeof(PauseChange)] = $"pause {Fixed}",
        },
    };

    /// <param name="ranks">Taken over, also where this fails.</param>
    /// <param name="options">The run's.</param>
    /// <param name="control">What changes it; null gives the ranks back as they are.</param>
    /// <param name="time">From a frame's stamp or duration to time.</param>
    /// <param name="note">Told what the user should know.</param>
    /// <exception cref="ControlException">The timeline asks for what ranks cannot change.</exception>
    public static IRestyleStream Over(RankedStream ranks, RestyleOptions options, RunControl? control, Func<long, TimeSpan> time, Action<string> note)
    {
        if (control is null)
            return ranks;
        var book = new PromptBook(ranks.LoadTextEncoder, control.IsOpenEnded, TorchSharp.torch.CPU) { Truncated = PromptNotes.Truncated(note) };
        try
        {
            control.Controls.Open(Limits, change => change is PromptChange prompt ? book.Prepare(prompt.Text) : Task.CompletedTask);
            book.Prepare(options.Prompt).GetAwaiter().GetResult();
        }
        catch
        {
            book.Dispose();
            ranks.Dispose();
            throw;
        }
        return new RankedControl(ranks, new StreamSteering(control.Controls, book, book.Take(options.Prompt), new ControlState(0, 0, 0, 0, 0), time, null));
    }

    public LatentChunk? Next(LatentChunk chunk)
    {
        _steering.Begin(chunk.Timing);
        if (_steering.NextPrompt())
            _ranks.ChangePrompt(_steering.Prompt.clone());
        return _ranks.Denoiser.Next(chunk);
    }

    public LatentChunk? Flush() => _ranks.Denoiser.Flush();

    public void Dispose()
    {
        _ranks.Dispose();
        _steering.Dispose();
    }
}
