using StreamDiff.Models;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Clips on the device that trains, drawn or filmed from pictures. Rendering goes on beside the training; which clips a step may draw from
/// depends on its number alone, so the same seed gives the same training on any machine.
/// </summary>
public sealed class ClipBank : IDisposable
{
    private static readonly (int Height, int Width)[] OtherSizes = [(256, 256), (224, 384), (160, 256), (320, 192)];

    // Beside real pictures, drawn ones keep flat surfaces, text and hard borders in mind.
    private const int DrawnEvery = 5;

    private readonly Tensor _clips;
    private readonly bool[] _done;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _renderers = [];
    private readonly int _seed;
    private readonly PictureLibrary? _library;
    private int _next;
    private int _prefix;

    /// <param name="count">Clips in the end.</param>
    /// <param name="frames">Frames of each.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="seed">Of the first clip; the others follow.</param>
    /// <param name="device">Where they are wanted.</param>
    /// <param name="library">Real pictures, which most clips then show; the caller's. Null: all are drawn.</param>
    public ClipBank(int count, int frames, int width, int height, int seed, Device device, PictureLibrary? library = null)
    {
        _library = library;
        _clips = zeros([count, frames, 3, height, width], dtype: ScalarType.Byte, device: device).DetachFromDisposeScope();
        _done = new bool[count];
        _seed = seed;
        for (var i = 0; i < Environment.ProcessorCount; i++)
        {
            var thread = new Thread(() => Render(frames, width, height))
            {
                IsBackground = true,
                Name = $"renderer {i}",
                Priority = ThreadPriority.BelowNormal,
            };
            thread.Start();
            _renderers.Add(thread);
        }
    }

    /// <summary>Clips and their augmentation for one step: float32 [clips, frames, 3, H, W] in [0, 1].</summary>
    /// <param name="random">The step's own.</param>
    /// <param name="clips">How many.</param>
    /// <param name="frames">How many frames of each.</param>
    /// <param name="step">Number of the step: the later, the more clips to draw from.</param>
    /// <param name="crop">Width and height of the piece of each picture that is wanted.</param>
    public Tensor Sample(Random random, int clips, int frames, long step, int crop)
    {
        var available = (int)Math.Min(_done.Length, 4 * clips + step * clips / 8);
        WaitFor(available);
        using var scope = NewDisposeScope();
        var chosen = tensor(Enumerable.Range(0, clips).Select(_ => (long)random.Next(available)).ToArray(), device: _clips.device);
        var first = random.Next((int)_clips.size(1) - frames + 1);
        var (top, left) = (random.Next(Math.Max((int)_clips.size(3) - crop, 0) + 1),
            random.Next(Math.Max((int)_clips.size(4) - crop, 0) + 1));
        var pieces = _clips.narrow(1, first, frames).narrow(3, top, Math.Min(crop, _clips.size(3) - top))
            .narrow(4, left, Math.Min(crop, _clips.size(4) - left));
        return Augment(AsFloats(pieces.index_select(0, chosen)), random, otherSizes: false).MoveToOuterDisposeScope();
    }

    /// <summary>What a sensor adds, to some clips: it must not make the picture restless.</summary>
    /// <param name="clips">[clips, frames, 3, H, W] in [0, 1], or one clip without the first size.</param>
    /// <param name="random">The step's own.</param>
    public static Tensor WithNoise(Tensor clips, Random random)
    {
        if (clips.dim() == 4)
            return WithNoise(clips.unsqueeze(0), random).squeeze(0);
        var deviation = PerClip(clips, _ => random.Chance(0.5f) ? random.Between(0, 0.03f) : 0);
        return clips.add(randn_like(clips).mul(deviation), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    /// <summary>One clip after the other, from the start again after the last: float32 [1, frames, 3, H, W] in [0, 1], augmented.</summary>
    public Tensor Take(Random random, long index)
    {
        var slot = (int)(index % _done.Length);
        WaitFor(slot + 1);
        using var scope = NewDisposeScope();
        return Augment(AsFloats(_clips.narrow(0, slot, 1)), random, otherSizes: true).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _stop.Cancel();
        _renderers.ForEach(t => t.Join());
        _clips.Dispose();
        _stop.Dispose();
    }

    private void Render(int frames, int width, int height)
    {
        int index;
        while (!_stop.IsCancellationRequested && (index = Interlocked.Increment(ref _next) - 1) < _done.Length)
        {
            using var scope = NewDisposeScope();
            using var quiet = no_grad();
            var pixels = _library is not null && index % DrawnEvery != DrawnEvery - 1
                ? FilmedClip.Render(_library, _seed + index, frames, width, height)
                : tensor(SyntheticClip.Render(_seed + index, frames, width, height), [frames, 3, height, width]);
            lock (_done)
            {
                _clips[index].copy_(pixels);
                _done[index] = true;
                while (_prefix < _done.Length && _done[_prefix])
                    _prefix++;
                Monitor.PulseAll(_done);
            }
        }
    }

    private void WaitFor(int clips)
    {
        lock (_done)
            while (_prefix < clips)
                Monitor.Wait(_done);
    }

    private static Tensor AsFloats(Tensor bytes) => bytes.to_type(ScalarType.Float32).div(Scalars.Of(255f));

    private static Tensor Augment(Tensor x, Random random, bool otherSizes)
    {
        var clips = x.size(0);
        x = where(PerClip(_ => random.Next(2)).gt(Scalars.Of(0.5f)), x.flip(-1), x);
        if (random.Chance(0.3f))
            x = x.flip(1);
        if (random.Chance(0.1f))
            x = x.index_select(2, tensor(Shuffled(random), device: x.device));
        if (otherSizes && random.Chance(0.3f))
        {
            var (height, width) = OtherSizes[random.Next(OtherSizes.Length)];
            x = F.interpolate(x.flatten(0, 1), size: [height, width], mode: InterpolationMode.Bilinear, align_corners: false).view(
                clips, x.size(1), 3, height, width);
        }
        if (random.Chance(0.15f))
            x = ImageFilters.Blur(x.flatten(0, 1), random.Between(0.5f, 2f)).view_as(x);
        else if (random.Chance(0.3f))
            // Photographs that a path has sampled are softer than what a camera sharpens and a player scales down.
            x = x.add(x.sub(ImageFilters.Blur(x.flatten(0, 1), 0.8).view_as(x)), Scalars.Of(random.Between(0.3f, 1.2f)));
        x = x.mul(PerClip(_ => random.Between(0.7f, 1.25f))).clamp(Scalars.Of(0), Scalars.One)
            .pow(PerClip(_ => MathF.Exp(0.2f * random.Normal())));
        return x;

        Tensor PerClip(Func<int, float> value) => ClipBank.PerClip(x, value);
    }

    private static Tensor PerClip(Tensor clips, Func<int, float> value) => tensor(
        Enumerable.Range(0, (int)clips.size(0)).Select(value).ToArray(), device: clips.device).view(clips.size(0), 1, 1, 1, 1);

    private static long[] Shuffled(Random random)
    {
        long[] channels = [0, 1, 2];
        random.Shuffle(channels);
        return channels;
    }
}
