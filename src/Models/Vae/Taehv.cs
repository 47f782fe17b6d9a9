using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// TAEHV (github.com/madebyollin/taehv), a tiny VAE of Wan 2.1's latent space. Every memory block keeps its last frame between calls, so
/// that a stream gets exactly what decoding the whole clip would give and each frame is computed once.
/// </summary>
public sealed class Taehv : IVae
{
    /// <summary>
    /// Frames that stand before the first real one: a latent covers four frames, the first one stands for the last of its four.
    /// </summary>
    private const int LeadFrames = 3;

    private readonly List<ITaehvLayer> _encoder = [];
    private readonly List<ITaehvLayer> _decoder = [];
    private readonly WeightSet _weights;
    private readonly double _steady;

    private Taehv(TaehvConfig config, IWeightSource source, Device device, ScalarType type)
    {
        var loader = new WeightLoader(source, device, type);
        Device = device;
        Type = type;
        _steady = config.Steady;
        BuildEncoder(config, loader);
        BuildDecoder(config, loader);
        _weights = loader.Complete();
    }

    public Device Device { get; }

    public ScalarType Type { get; }

    /// <summary>The weights, for an optimiser.</summary>
    public IReadOnlyList<Tensor> Weights => _weights.Tensors;

    /// <summary>Builds the VAE from its weights, strictly.</summary>
    /// <exception cref="WeightsException">The checkpoint does not fit.</exception>
    public static Taehv Load(TaehvConfig config, IWeightSource source, Device device, ScalarType type) => new(config, source, device, type);

    /// <summary>True on a CPU; a GPU takes longer to be told of small pieces than to compute them.</summary>
    public bool TakesPictures => Device.type == DeviceType.CPU;

    public IVaeEncoder OpenEncoder() => new Encoder(this);

    public IVaeDecoder OpenDecoder() => _steady > 0 ? new SteadyDecoder(new Decoder(this), _steady) : new Decoder(this);

    /// <summary>Frames [F, 3, H, W] in [0, 1], F a multiple of 4, to latents [F/4, 16, H/8, W/8].</summary>
    public Tensor EncodeFrames(Tensor frames, StreamMemory memory) => Run(_encoder, frames, memory);

    /// <summary>Latents [f, 16, h, w] to frames [4f, 3, 8h, 8w] around [0, 1], the leading ones of a stream included.</summary>
    public Tensor DecodeLatents(Tensor latents, StreamMemory memory) => Run(_decoder, latents, memory);

    public void Dispose() => _weights.Dispose();

    private void BuildEncoder(TaehvConfig config, WeightLoader loader)
    {
        var slots = new SlotCounter();
        var widths = config.EncoderWidths;
        var stages = Stages(config);
        if (config.PatchSize > 1)
            _encoder.Add(new TaehvJoin(config.PatchSize));
        _encoder.Add(new TaehvConv(loader.In("encoder.0"), 3 * config.PatchSize * config.PatchSize, widths[0], relu: true));
        var index = 2;
        for (var level = 0; level < 3; level++)
        {
            _encoder.Add(new TaehvPool(loader.In($"encoder.{index}"), slots, widths[level], level == 2 ? 1 : 2));
            _encoder.Add(new TaehvConv(
                loader.In($"encoder.{index + 1}"), widths[level], widths[level + 1], stride: stages[level], bias: false));
            for (var i = 2; i < 5; i++)
                _encoder.Add(new TaehvMemory(loader.In($"encoder.{index + i}"), slots, widths[level + 1]));
            index += 5;
        }
        _encoder.Add(new TaehvConv(loader.In($"encoder.{index}"), widths[3], config.LatentChannels));
    }

    private void BuildDecoder(TaehvConfig config, WeightLoader loader)
    {
        var slots = new SlotCounter();
        var widths = config.DecoderWidths;
        var stages = Stages(config);
        _decoder.Add(new TaehvClamp());
        _decoder.Add(new TaehvConv(loader.In("decoder.1"), config.LatentChannels, widths[0], relu: true));
        var index = 3;
        for (var level = 0; level < 3; level++)
        {
            for (var i = 0; i < 3; i++)
                _decoder.Add(new TaehvMemory(loader.In($"decoder.{index + i}"), slots, widths[level]));
            _decoder.Add(new TaehvGrow(loader.In($"decoder.{index + 4}"), widths[level], level == 0 ? 1 : 2, stages[2 - level]));
            _decoder.Add(new TaehvConv(loader.In($"decoder.{index + 5}"), widths[level], widths[level + 1], bias: false, relu: level == 2));
            index += 6;
        }
        _decoder.Add(new TaehvConv(loader.In($"decoder.{index + 1}"), widths[3], 3 * config.PatchSize * config.PatchSize));
        if (config.PatchSize > 1)
            _decoder.Add(new TaehvPart(config.PatchSize));
    }

    // By how much each stage of the encoder makes the picture smaller, outermost first; the decoder's mirror it.
    private static int[] Stages(TaehvConfig config) => config.PatchSize switch
    {
        1 => [2, 2, 2],
        2 => [1, 2, 2],
        _ => throw new ArgumentOutOfRangeException(nameof(config), config.PatchSize, "a TAEHV takes patches of 1 or 2 pixels"),
    };

    private Tensor Run(List<ITaehvLayer> layers, Tensor input, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var x = input.to(Type, Device);
        foreach (var layer in layers)
        {
            var before = x;
            x = layer.Forward(before, memory);
            if (!ReferenceEquals(before, input))
                before.Dispose();
        }
        return x.to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    // Every memory block looks back one frame only: what the last layers make of the earlier frames does not wait for the later ones.
    private static void RunInParts(List<ITaehvLayer> layers, int first, Tensor input, StreamMemory memory, Action<Tensor> part)
    {
        using var scope = NewDisposeScope();
        var x = input;
        for (var i = first; i < layers.Count; i++)
        {
            var before = x;
            x = layers[i].Forward(before, memory);
            if (!ReferenceEquals(before, input))
                before.Dispose();
            if (layers[i] is TaehvGrow { Frames: > 1 })
            {
                for (var frame = 0L; frame < x.size(0); frame++)
                {
                    using var one = x.narrow(0, frame, 1);
                    RunInParts(layers, i + 1, one, memory, part);
                }
                return;
            }
        }
        using var pixels = x.to_type(ScalarType.Float32);
        part(pixels);
    }

    // A frame as far as it comes without those that follow: up to where it is joined with the next one. Null unless a latent came of it.
    private static Tensor? RunToJoin(List<ITaehvLayer> layers, Tensor frame, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var x = frame;
        foreach (var layer in layers)
        {
            if ((layer is TaehvPool pool ? pool.Gather(x, memory) : x) is not { } before)
                return null;
            x = layer.Forward(before, memory);
            if (!ReferenceEquals(before, frame))
                before.Dispose();
        }
        return x.to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private sealed class Encoder(Taehv vae) : IVaeEncoder
    {
        private readonly List<Tensor> _latents = [];
        private StreamMemory _memory = new();
        // As it was before the pictures of this chunk that are prepared; null where none are.
        private StreamMemory? _before;
        private bool _started;
        private long _prepared;

        public Tensor Encode(Tensor pixels)
        {
            ChunkSizes.CheckPixels(pixels, first: !_started, _prepared);
            using var scope = NewDisposeScope();
            Tensor latents;
            if (vae.TakesPictures)
            {
                Add(pixels);
                latents = cat([.. _latents]);
            }
            else
            {
                latents = vae.EncodeFrames(Frames(pixels), _memory);
            }
            Forget();
            _started = true;
            return latents.unsqueeze(0).MoveToOuterDisposeScope();
        }

        public void Prepare(Tensor pixels)
        {
            if (!vae.TakesPictures)
                throw new NotSupportedException($"on {vae.Device.type} this autoencoder takes whole chunks");
            ChunkSizes.CheckPictures(pixels);
            using var scope = NewDisposeScope();
            _before ??= _memory.Snapshot();
            Add(pixels);
        }

        public void Discard()
        {
            if (_before is { } before)
            {
                _memory.Dispose();
                (_memory, _before) = (before, null);
            }
            Forget();
        }

        public void Reset()
        {
            Forget();
            _memory.Dispose();
            _started = false;
        }

        public void Dispose() => Reset();

        // Always one by one: what comes out does not depend on how many were prepared.
        private void Add(Tensor pixels)
        {
            var frames = Frames(pixels).to(vae.Type, vae.Device);
            for (var frame = 0L; frame < frames.size(0); frame++)
                if (RunToJoin(vae._encoder, frames.narrow(0, frame, 1), _memory) is { } latent)
                    _latents.Add(latent.DetachFromDisposeScope());
            _prepared += pixels.size(1);
        }

        // In [0, 1], [F, 3, H, W], with those that stand before the first one.
        private Tensor Frames(Tensor pixels)
        {
            using Scalar half = Scalars.Kept(0.5f);
            var frames = pixels.squeeze(0).mul(half).add(half, Scalars.One);
            return _started || _prepared > 0
                ? frames
                : cat([frames.narrow(0, 0, 1).expand(LeadFrames, -1, -1, -1), frames]);
        }

        private void Forget()
        {
            foreach (var latent in _latents)
                latent.Dispose();
            _latents.Clear();
            _before?.Dispose();
            (_before, _prepared) = (null, 0);
        }
    }

    private sealed class Decoder(Taehv vae) : IVaeDecoder
    {
        private readonly StreamMemory _memory = new();
        private bool _started;

        public void DecodeInParts(Tensor latents, Action<Tensor> part)
        {
            // A GPU takes longer to be told of small pieces than to compute them.
            if (vae.Device.type != DeviceType.CPU)
            {
                using var all = Decode(latents);
                part(all);
                return;
            }
            using var scope = NewDisposeScope();
            using Scalar two = Scalars.Kept(2f);
            using Scalar minusOne = Scalars.Kept(-1f);
            var lead = _started ? 0 : LeadFrames;
            _started = true;
            using var first = latents.squeeze(0).to(vae.Type, vae.Device);
            RunInParts(vae._decoder, 0, first, _memory, frame =>
            {
                if (lead-- > 0)
                    return;
                using var pixels = frame.mul(two).add_(minusOne, Scalars.One).unsqueeze_(0);
                part(pixels);
            });
        }

        public Tensor Decode(Tensor latents)
        {
            using var scope = NewDisposeScope();
            using Scalar two = Scalars.Kept(2f);
            using Scalar minusOne = Scalars.Kept(-1f);
            var frames = vae.DecodeLatents(latents.squeeze(0), _memory);
            if (!_started)
                frames = frames.narrow(0, LeadFrames, frames.size(0) - LeadFrames);
            _started = true;
            return frames.mul(two).add(minusOne, Scalars.One).unsqueeze(0).MoveToOuterDisposeScope();
        }

        public void Reset()
        {
            _memory.Dispose();
            _started = false;
        }

        public void Dispose() => _memory.Dispose();
    }
}
