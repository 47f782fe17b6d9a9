using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Ranks;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// A stream on several ranks whose prompt, noise and seed change. Chunks in flight follow a new prompt, and are re-noised by a new seed, in their next steps, as those of one rank
/// do. Other settings are fixed when the ring opens the stream.
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
    internal static ControlLimits Limits(bool fromText)
    {
        var refused = new Dictionary<Type, string>
        {
            [typeof(StepsChange)] = $"steps {Fixed}",
            [typeof(SinksChange)] = $"sinks {Fixed}",
            [typeof(PauseChange)] = $"pause {Fixed}",
        };
        if (fromText)
            refused[typeof(NoiseScaleChange)] = ControlledStream.NothingButNoise;
        return new ControlLimits { Refused = refused };
    }

    /// <param name="ranks">Taken over, also where this fails.</param>
    /// <param name="options">The run's.</param>
    /// <param name="control">What changes it; null gives the ranks back as they are.</param>
    /// <param name="time">From a frame's stamp or duration to time.</param>
    /// <param name="notes">Tells what the user should know.</param>
    /// <exception cref="ControlException">The timeline asks for what ranks cannot change.</exception>
    public static IRestyleStream Over(RankedStream ranks, RestyleOptions options, RunControl? control, Func<long, TimeSpan> time, StreamNotes notes)
    {
        if (control is null)
            return ranks;
        var book = new PromptBook(ranks.LoadTextEncoder, control.IsOpenEnded, TorchSharp.torch.CPU, notes);
        try
        {
            control.Controls.Open(Limits(options.Mode == DenoisingMode.TextToVideo), book.Prepare);
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
        foreach (var (change, _, _) in _steering.Begin(chunk.Timing))
        {
            if (change is NoiseScaleChange noise)
                _ranks.ChangeNoiseScale(noise.Scale);
            else if (change is SeedChange seed)
                _ranks.ChangeSeed(seed.Seed);
        }
        if (_steering.NextPrompt())
            _ranks.ChangePrompt(_steering.Prompt.clone());
        return _ranks.Denoiser.Next(chunk);
    }

    public int? MostInFlight => _ranks.Denoiser.MostInFlight;

    public LatentChunk? More() => _ranks.Denoiser.More();

    public LatentChunk? Flush() => _ranks.Denoiser.Flush();

    public void Dispose()
    {
        _ranks.Dispose();
        _steering.Dispose();
    }
}
