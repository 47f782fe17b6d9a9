using StreamDiff.Models.Cuda;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// The VAE of Wan 2.1. Encoding gives the latents as they come (what the published live pipeline feeds its transformer); decoding expects
/// the transformer's normalised latents and undoes the normalisation by channel mean and deviation.
/// </summary>
public sealed class WanVae : IVae
{
    private readonly WanVaeConfig _config;
    private readonly WanCoder _encoder;
    private readonly WanCoder _decoder;
    private readonly CausalConv3d _afterEncoder;
    private readonly CausalConv3d _beforeDecoder;
    private readonly Tensor _mean;
    private readonly Tensor _deviation;
    private readonly WeightSet _weights;
    private FrameKernels? _kernels;

    private WanVae(WanVaeConfig config, IWeightSource source, Device device, ScalarType type)
    {
        var loader = new WeightLoader(source, device, type);
        var latent = config.LatentChannels;
        _config = config;
        Device = device;
        Type = type;
        _encoder = WanCoder.Encoder(config, loader.In("encoder"));
        _decoder = WanCoder.Decoder(config, loader.In("decoder"));
        _afterEncoder = new CausalConv3d(loader.In("conv1"), new SlotCounter(), 2 * latent, 2 * latent, 1, 1);
        _beforeDecoder = new CausalConv3d(loader.In("conv2"), new SlotCounter(), latent, latent, 1, 1);
        _weights = loader.Complete();
        _mean = Channels(config.Mean, device);
        _deviation = Channels(config.Deviation, device);
        _kernels = FrameKernels.Create(config, device, type, out var whyNot);
        Kernels = _kernels is null ? $"operators of ATen ({whyNot})" : "own kernels";
    }

    public Device Device { get; }

    public ScalarType Type { get; }

    public string Kernels { get; }

    /// <summary>Builds the VAE from its weights, strictly.</summary>
    /// <exception cref="WeightsException">The checkpoint does not fit.</exception>
    public static WanVae Load(WanVaeConfig config, IWeightSource source, Device device, ScalarType type) =>
        new(config, source, device, type);

    public IVaeEncoder OpenEncoder() => new Encoder(this);

    public IVaeDecoder OpenDecoder() => new Decoder(this);

    /// <summary>Video [B, 3, F, H, W] in [-1, 1] to float32 latents [B, 16, f, H/8, W/8], not normalised.</summary>
    public Tensor EncodeChunk(Tensor video, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var moments = _afterEncoder.Forward(Run(_encoder, video.to_type(Type), memory), memory);
        return moments.narrow(1, 0, _config.LatentChannels).to_type(ScalarType.Float32).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Normalised latents [B, 16, f, h, w] to float32 video [B, 3, F, 8h, 8w].</summary>
    public Tensor DecodeChunk(Tensor latents, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var z = latents.to_type(ScalarType.Float32).mul(_deviation).add_(_mean, Scalars.One).to_type(Type);
        return Run(_decoder, _beforeDecoder.Forward(z, memory), memory).to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>A whole clip [B, 3, F, H, W] to normalised latents.</summary>
    public Tensor EncodeClip(Tensor video)
    {
        using var scope = NewDisposeScope();
        using var memory = new StreamMemory();
        return EncodeChunk(video, memory).sub(_mean).div_(_deviation).MoveToOuterDisposeScope();
    }

    /// <summary>Runs with other kernels; this object disposes them.</summary>
    internal void Use(IKernels kernels) => _kernels = new FrameKernels(kernels, _config);

    public void Dispose()
    {
        _kernels?.Dispose();
        _mean.Dispose();
        _deviation.Dispose();
        _weights.Dispose();
    }

    private Tensor Run(WanCoder coder, Tensor x, StreamMemory memory) =>
        _kernels is null || is_grad_enabled() || x.size(0) != 1 ? coder.Forward(x, memory) : coder.Forward(x, _kernels, memory);

    private static Tensor Channels(IReadOnlyList<double> values, Device device)
    {
        using var list = tensor(values.Select(v => (float)v).ToArray(), device: device);
        return list.view(1, values.Count, 1, 1, 1).DetachFromDisposeScope();
    }

    private sealed class Encoder(WanVae vae) : IVaeEncoder
    {
        private readonly StreamMemory _memory = new();
        private bool _started;

        public Tensor Encode(Tensor pixels)
        {
            ChunkSizes.CheckPixels(pixels, first: !_started);
            using var scope = NewDisposeScope();
            var latents = vae.EncodeChunk(pixels.transpose(1, 2), _memory).transpose(1, 2).contiguous();
            _started = true;
            return latents.MoveToOuterDisposeScope();
        }

        public void Reset()
        {
            _memory.Dispose();
            _started = false;
        }

        public void Dispose() => _memory.Dispose();
    }

    private sealed class Decoder(WanVae vae) : IVaeDecoder
    {
        private readonly StreamMemory _memory = new();

        public Tensor Decode(Tensor latents)
        {
            using var scope = NewDisposeScope();
            return vae.DecodeChunk(latents.transpose(1, 2), _memory).transpose(1, 2).MoveToOuterDisposeScope();
        }

        public void Reset() => _memory.Dispose();

        public void Dispose() => _memory.Dispose();
    }
}
