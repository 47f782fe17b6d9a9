using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Pipeline.Plan;

/// <summary>What computes and where: the same for all streams of a process.</summary>
public sealed record ComputeOptions : OptionGroup
{
    /// <summary>The model's name that leaves the model out.</summary>
    public const string Passthrough = "passthrough";

    /// <summary><see cref="Heads"/> that are not split.</summary>
    public const string AllHeads = "off";

    private const string HeadsBeside = "on";
    private const OptionUse Whole = OptionUse.Run | OptionUse.Server;

    /// <summary>
    /// Name of a folder under models/, or a path to such a folder. A session has its server's, or <see cref="Passthrough"/>.
    /// </summary>
    [Option("model", "NAME", "A model of 'streamdiff models list', or the path of a model's folder. Default: tiny.",
        Alias = "-m", Use = Whole | OptionUse.Session)]
    public string Model { get; init; } = "tiny";

    /// <summary>What is added to the transformer's weights, in this order. Default: nothing.</summary>
    [Option("lora", "FILE[:STRENGTH]",
        "Add a LoRA, a .safetensors file in the names of diffusers, kohya or ComfyUI, to the transformer; strength -10 to 10, 1 by "
        + "itself. Several times: all of them. Default: none.", Use = Whole)]
    public ValueList<LoraChoice> Loras { get; init; } = [];

    /// <summary>True keeps their strengths changeable, which takes memory for the weights that they touch. Default false.</summary>
    [Option("lora-live", "true|false",
        "Keep strengths changeable while it runs, by 'lora NAME STRENGTH' (see docs/control.md); needs memory for what they touch once "
        + "more. Default: false, they are merged when the model is loaded.", Use = Whole, MayStandAlone = true)]
    public bool LoraLive { get; init; }

    /// <summary>taehv or wan. Null: the model's default.</summary>
    [Option("vae", "NAME", "Autoencoder: taehv (fast) or wan (best), where the model has it. Default: the model's own.",
        Use = Whole, Words = ["taehv", "wan"], Says = "taehv or wan")]
    public string? Vae { get; init; }

    /// <summary>auto takes cuda where there is one. Default auto.</summary>
    [Option("device", "DEVICE", "auto, cpu, cuda or cuda:N. Default: auto, cuda where there is one.",
        Use = Whole, Says = "auto, cpu, cuda or cuda:N")]
    public DeviceName Device { get; init; } = DeviceName.Auto;

    /// <summary>Devices or addresses of the ranks that share the transformer. Null: one rank on <see cref="Device"/>.</summary>
    [Option("ranks", "LIST",
        "Spread the transformer over ranks: devices (cuda:0,cuda:1), ranks elsewhere (host:7000, see 'streamdiff rank'), or a file "
        + "with one a line. Default: one rank.", Use = Whole)]
    public RankList? Ranks { get; init; }

    /// <summary>With ranks: where the VAE is. Null: on the first and on the last rank of this process.</summary>
    [Option("vae-device", "DEVICE",
        "With ranks: where the autoencoder runs, such as cuda:2, or cuda:0,cuda:1 for its encoder and decoder. Default: first and "
        + "last rank of this process.", Use = Whole, Says = "a device such as cuda:2, or two such as cuda:0,cuda:1")]
    public VaeDevices? VaeDevice { get; init; }

    [Option("dtype", "TYPE",
        "auto, float32 or bfloat16. Default: auto, bfloat16 where the device computes in it (cuda, and processors with AVX512_BF16 or "
        + "AMX).", Use = Whole, Says = "auto, float32 or bfloat16")]
    public ComputeType Type { get; init; }

    [Option("precision", "TYPE",
        "auto, or fp8 for the transformer's products in float8: faster on GPUs that multiply it (NVIDIA of 2022 and later), half the "
        + "memory for its weights, a little less exact ('streamdiff-bench precision' says how much). Default: auto, the type of --dtype.",
        Use = Whole, Says = "auto or fp8")]
    public ComputePrecision Precision { get; init; }

    /// <summary>
    /// Which attention heads look back on the whole window: a file of <c>streamdiff heads</c>, on for the one beside the model, off for all
    /// of them. Default off.
    /// </summary>
    [Option("heads", "FILE|on|off",
        "Let attention heads that can do so look back on the first and the newest frames only, which takes less memory and time: a file "
        + "made by 'streamdiff heads', or on for the one beside the model (docs/heads.md). Default: off, all heads see the whole window.",
        Use = Whole)]
    public string Heads { get; init; } = AllHeads;

    /// <summary>
    /// Compute threads of each stage on the CPU. Null: half the cores (at most 4 in a live run), because encoding, denoising and decoding
    /// run side by side.
    /// </summary>
    [Option("threads", "N",
        "Compute threads of each stage on the cpu. Default: half the cores, because encoding, denoising and decoding run side by "
        + "side, at most 4 in live runs; with ranks the cores shared among those here.", Use = Whole), Limits(1, 1024)]
    public int? Threads { get; init; }

    /// <summary>Where the split of the heads is read; null where they are not split.</summary>
    public string? HeadFileFor(Model model) =>
        Heads == AllHeads ? null : Heads == HeadsBeside ? HeadFile.Beside(model) : Heads;

    /// <summary>Which heads of a model look back on the whole window; null for all.</summary>
    /// <exception cref="ModelException">The file cannot be read, or is none for this model.</exception>
    public HeadSplit? SplitOf(Model model)
    {
        if (HeadFileFor(model) is not { } file)
            return null;
        if (!File.Exists(file))
            throw new ModelException($"heads: {file} does not exist; 'streamdiff heads --model {Model}' makes one");
        return HeadFile.Read(file, model).Split;
    }
}
