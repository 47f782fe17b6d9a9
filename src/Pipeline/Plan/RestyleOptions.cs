using StreamDiff.Models.Registry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Plan;

/// <summary>
/// Options of one concern; each of its properties with an <see cref="OptionAttribute"/> is a line of <see cref="OptionTable"/>.
/// </summary>
public abstract record OptionGroup
{
    internal OptionGroup Copy() => (OptionGroup)MemberwiseClone();
}

/// <summary>One stream from its input to its outputs, as somebody wants it. Null means: the model's own default.</summary>
public sealed record RestyleOptions
{
    public InputOptions Input { get; init; } = new();

    public OutputOptions Output { get; init; } = new();

    public SamplingOptions Sampling { get; init; } = new();

    public FrameOptions Frame { get; init; } = new();

    public ComputeOptions Compute { get; init; } = new();

    public LiveOptions Live { get; init; } = new();

    public ControlOptions Control { get; init; } = new();

    /// <summary>A stream with the defaults of everything else.</summary>
    public static RestyleOptions Of(string input, params IEnumerable<string> outputs) => new()
    {
        Input = new() { Address = MediaAddress.Parse(input) },
        Output = new() { Addresses = new(outputs.Select(MediaAddress.Parse)) },
    };

    /// <summary>True where no model is wanted.</summary>
    public bool IsPassthrough => Compute.Model == ComputeOptions.Passthrough;

    /// <summary>
    /// True when a run with these options is a live one: it was asked for, or has a deadline, which only what comes at the speed of time
    /// can keep or miss, or input or output cannot be anything else.
    /// </summary>
    public bool IsLive => Live.IsAsked || Live.Deadline is not null || IsPassthrough || HasLiveAddress;

    /// <summary>True where the input or an output comes or goes at the speed of time whatever is asked for.</summary>
    public bool HasLiveAddress => Input.Address.IsLive || Output.Addresses.Any(a => a.IsLive);

    /// <summary>The same with everything said that the model decides: size, autoencoder, noise and cache.</summary>
    public RestyleOptions WithDefaultsOf(Model model) => this with
    {
        Frame = Frame with { Size = Frame.SizeFor(model) },
        Compute = Compute with { Vae = Compute.Vae ?? model.Config.Vae.Default },
        Sampling = Sampling.WithDefaultsOf(model.Config),
    };

    // A server that sends a file and stands still for so long has forgotten it.
    private static readonly TimeSpan LongestStandstill = TimeSpan.FromSeconds(30);

    /// <summary>How the input is opened.</summary>
    internal VideoSourceOptions Source((int Width, int Height) size, FramePool frames) => new()
    {
        Input = Input.Address.Text,
        Width = size.Width,
        Height = size.Height,
        Pool = frames,
        Fit = Frame.Fit,
        ReadAudio = Input.Audio,
        Start = Input.Start,
        StallTimeout = Input.Address.Kind is MediaKind.File or MediaKind.Test ? null : LongestStandstill,
    };

    /// <summary>All of them.</summary>
    internal IEnumerable<OptionGroup> Groups => [Input, Output, Compute, Sampling, Frame, Live, Control];
}
