using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control;

/// <summary>One change to a running stream. It takes effect at a chunk boundary; chunks begun before keep what they began with.</summary>
public abstract record ControlChange
{
    private protected ControlChange()
    {
    }

    /// <summary>
    /// False for what only makes other changes, which are written to the session log in its place: a replay needs no preset, clock or
    /// sound. Default true.
    /// </summary>
    public virtual bool IsLogged => true;

    /// <summary>True where pictures that went in are needed to make those that come out.</summary>
    internal bool NeedsInput => this switch
    {
        MixChange or RegionChange { Map.IsExact: true } or RegionFollowChange { Look.IsExact: true } => true,
        KeyChange { Color: not null } => true,
        MapChange map => map.Low.NeedsInput,
        LearnChange learn => learn.Map.NeedsInput,
        TriggerChange trigger => trigger.All.Any(c => c.NeedsInput),
        _ => false,
    };

    /// <summary>Addresses of files and streams that it would open, also when a signal sets it off.</summary>
    public IEnumerable<string> Opens => this switch
    {
        RegionFollowChange { Mask: { } mask } => [mask],
        TriggerChange trigger => trigger.All.SelectMany(c => c.Opens),
        _ => [],
    };

    /// <summary>True where faces are to be looked for, also when a signal sets it off.</summary>
    internal bool WantsFaces => this switch
    {
        RegionFollowChange { Mask: null } => true,
        TriggerChange trigger => trigger.All.Any(c => c.WantsFaces),
        _ => false,
    };

    /// <summary>The change as one line, as <see cref="ControlLine"/> reads it.</summary>
    public sealed override string ToString() => ControlLine.Format(this);
}

/// <summary>Between two prompts.</summary>
public enum BlendKind
{
    /// <summary>Text embeddings are mixed number by number.</summary>
    Linear,

    /// <summary>Text embeddings are turned towards the new ones, token by token, their length mixed.</summary>
    Spherical,
}

/// <summary>Another prompt.</summary>
/// <param name="Text">What the picture should become; "(neon:1.3)" weighs a part of it.</param>
/// <param name="BlendChunks">
/// Chunks until the new prompt stands alone, at least 1: chunk i of N follows it by i/N. Default 1, at once.
/// </param>
/// <param name="Kind">How the prompts between are made.</param>
public sealed record PromptChange(string Text, int BlendChunks = 1, BlendKind Kind = BlendKind.Linear) : ControlChange
{
    /// <summary>How the blend's share grows.</summary>
    public Easing Easing { get; init; }

    /// <summary>The blend's length in seconds or beats, in place of chunks; null where chunks are given.</summary>
    public ControlLength? Over { get; init; }
}

/// <summary>Another value of a number, at once or on a way.</summary>
public abstract record NumberChange : ControlChange
{
    private protected NumberChange()
    {
    }

    /// <summary>The way to it. Default: none.</summary>
    public Glide Glide { get; init; }

    /// <summary>Which number: changes of the same one replace each other.</summary>
    internal abstract string Key { get; }

    /// <summary>The value that it comes to.</summary>
    internal abstract double Target { get; }

    /// <summary>The same number at another value, at once.</summary>
    internal abstract NumberChange At(double value);
}

/// <summary>Another largest share of noise.</summary>
/// <param name="Scale">0.1 to 1.</param>
public sealed record NoiseScaleChange(double Scale) : NumberChange
{
    internal override string Key => "noise";

    internal override double Target => Scale;

    internal override NumberChange At(double value) => new NoiseScaleChange(value);
}

/// <summary>Another number of denoising steps.</summary>
/// <param name="Steps">1 to what the model has, 4 at most.</param>
public sealed record StepsChange(int Steps) : ControlChange;

/// <summary>Another seed of all noise.</summary>
public sealed record SeedChange(long Seed) : ControlChange;

/// <summary>The seed so many on from the one that is there; becomes a <see cref="SeedChange"/> when it takes effect.</summary>
public sealed record SeedStepChange(long Step = 1) : ControlChange;

/// <summary>Other sinks of the KV cache. Null leaves a value as it is.</summary>
/// <param name="Frames">Latent frames at the window's start that are kept, less than the window.</param>
/// <param name="Threshold">A sink less similar to the new chunk than this is replaced, -1 to 1; -1 never.</param>
public sealed record SinksChange(int? Frames = null, double? Threshold = null) : ControlChange;

/// <summary>Another strength of one of the model's LoRAs; of this stream only, whoever else uses the model.</summary>
/// <param name="Name">The LoRA's: its file's name without the extension.</param>
/// <param name="Strength">-10 to 10; 0 is the model without it.</param>
public sealed record LoraChange(string Name, double Strength) : NumberChange
{
    internal override string Key => $"lora {Name}";

    internal override double Target => Strength;

    internal override NumberChange At(double value) => new LoraChange(Name, value);
}

/// <summary>Holds the last frame, or goes on. Time, sound and frame count go on in any case.</summary>
public sealed record PauseChange(bool IsPaused) : ControlChange;

/// <summary>The changes of a preset, together; they stand in its place as soon as it is given.</summary>
/// <param name="Name">The preset's.</param>
/// <param name="Glide">The way from what there is now to it. Default: the preset's own, at once where it has none.</param>
/// <param name="Kind">How prompts between are made.</param>
public sealed record PresetChange(string Name, Glide Glide = default, BlendKind Kind = BlendKind.Linear) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>Another tempo; beats are counted on from the one that is reached.</summary>
/// <param name="Bpm">Beats a minute, 20 to 400. Default before any change: 120.</param>
/// <param name="IsBeat">True where a beat falls on the chunk at which it takes effect.</param>
public sealed record TempoChange(double Bpm, bool IsBeat = false) : ControlChange
{
    /// <summary>Beats at the beginning of the chunk at which it takes effect; null counts on.</summary>
    public double? Beat { get; init; }
}

/// <summary>A tap in the time of the music: two or more within three seconds set the tempo and where its beats are.</summary>
public sealed record TapChange : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>Changes that are given wait for the next chunk with such a beat; pause, tempo and taps do not.</summary>
/// <param name="Beats">Every so many beats, more than 0; 0 for no waiting, the default.</param>
public sealed record QuantizeChange(double Beats) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>From now on a number follows a signal, from one value at 0 to another at 1.</summary>
/// <param name="Source">The signal.</param>
/// <param name="Low">The number, at the signal's 0.</param>
/// <param name="High">The same at 1; may be less.</param>
/// <param name="Smooth">Seconds in which it comes two thirds of the way nearer; 0 for at once.</param>
public sealed record MapChange(string Source, NumberChange Low, double High, double Smooth = 0) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>A number follows no signal any more; all of them where none is named.</summary>
/// <param name="Key">The number, as control lines call it, such as noise.</param>
public sealed record UnmapChange(string? Key) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>From now on a change is made each time that a signal rises to 0.5 and above.</summary>
/// <param name="Source">The signal.</param>
/// <param name="Change">The change; null for none any more.</param>
public sealed record TriggerChange(string Source, ControlChange? Change) : ControlChange
{
    public override bool IsLogged => false;

    /// <summary>True where it is made besides what the signal sets off already; false in the place of that.</summary>
    public bool IsAlso { get; init; }

    /// <summary>Where a signal counts as risen.</summary>
    internal const double Limit = 0.5;

    /// <summary>What a preset in <see cref="Change"/> stands for; null before it was looked up, and for other changes.</summary>
    internal IReadOnlyList<ControlChange>? Parts { get; init; }

    /// <summary>All that is made.</summary>
    internal IReadOnlyList<ControlChange> All => Parts ?? (Change is null ? [] : [Change]);

    /// <summary>True for a signal that stands for something that happens: it is not high for long.</summary>
    internal bool IsMomentary => Source is "sound.onset" or "sound.beat" or SignalNames.Cut;
}

/// <summary>A controller's signal has another value; holds at once.</summary>
/// <param name="Name">The signal.</param>
/// <param name="Value">0 to 1.</param>
public sealed record SignalChange(string Name, double Value) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>The next controller that is moved is what a number follows.</summary>
/// <param name="Map">How; its source is taken from the controller.</param>
public sealed record LearnChange(MapChange Map) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>Another share of the model's picture over the input's.</summary>
/// <param name="Share">0, the input, to 1, the model's picture: the default.</param>
public sealed record MixChange(double Share) : NumberChange
{
    internal override string Key => "mix";

    internal override double Target => Share;

    internal override NumberChange At(double value) => new MixChange(value);
}

/// <summary>Another share of what came out before in what goes in.</summary>
/// <param name="Share">0, the default, to 0.95.</param>
/// <param name="Delay">
/// How many chunks before, 5 to 64; over ranks no less than four times the ticks in flight and one, so that it is there in time.
/// </param>
public sealed record LoopbackChange(double Share, int Delay = LoopbackChange.UsualDelay) : NumberChange
{
    /// <summary>As many as four steps have under way, and one.</summary>
    public const int UsualDelay = 5;

    internal override string Key => "loopback";

    internal override double Target => Share;

    internal override NumberChange At(double value) => new LoopbackChange(value, Delay);
}

/// <summary>Another region that is repainted.</summary>
/// <param name="Map">The region; null for the whole picture.</param>
public sealed record RegionChange(RegionMap? Map) : ControlChange
{
    /// <summary>True where a <see cref="RegionFollowChange"/> has made it.</summary>
    internal bool IsMade { get; init; }
}

/// <summary>From now on the region follows something that moves; what it is for each chunk is written to the session log.</summary>
/// <param name="Mask">A file or a stream whose brightness is how strongly each place is in it; null for the largest face.</param>
/// <param name="Look">Edge and strengths; its form counts for nothing.</param>
/// <param name="IsHeld">True holds the last frame of a mask; false, the default, begins a file again.</param>
public sealed record RegionFollowChange(string? Mask, RegionMap Look, bool IsHeld = false) : ControlChange
{
    public override bool IsLogged => false;
}

/// <summary>Another colour of the input that stays as it came.</summary>
/// <param name="Color">The colour; null for none.</param>
public sealed record KeyChange(KeyColor? Color) : ControlChange;

/// <summary>
/// The sinks of the KV cache are replaced, one with each of the next chunks, the least similar first: what the stream began with is let go.
/// </summary>
public sealed record RefreshChange : ControlChange;
