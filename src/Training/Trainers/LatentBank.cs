using StreamDiff.Models.Vae;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Clips as latents in every style. Painting and encoding cost more than a step of the transformer, so a clip is made once, in all its
/// styles, and used many times; a new one joins every few steps. What a step may draw from depends on its number alone.
/// </summary>
internal sealed class LatentBank(ClipBank rendered, Taehv vae, TrainingPlan plan) : IDisposable
{
    private const int AtStart = 24;
    private const int StepsPerClip = 6;
    private const int LooksPerClip = 6;
    // Painted and encoded at once, in clips: what a device can hold.
    private const int AtOnce = 12;
    // Whole pictures among pieces, so that positions at the far end are not forgotten.
    private const int WholeEvery = 6;

    // Clips of one step must have one size; most have the default one.
    private readonly Dictionary<(long Height, long Width), List<StyledLatents>> _bySize = [];
    private long _made;

    /// <summary>Clips of one size for one step: as many as wished of the commonest size, in proportion fewer of larger ones.</summary>
    public IReadOnlyList<StyledLatents> Sample(Random random, long step, int clips)
    {
        var wanted = Math.Min(AtStart + step / StepsPerClip, plan.Clips);
        while (_made < wanted)
            Make(_made++);
        var place = random.Next(_bySize.Values.Sum(l => l.Count));
        var smallest = _bySize.Keys.Min(s => s.Height * s.Width);
        foreach (var (size, list) in _bySize)
        {
            var count = plan.Crop is null ? clips : (int)Math.Max(clips * smallest / (size.Height * size.Width), 1);
            if (place < list.Count)
                return [.. Enumerable.Range(0, count).Select(_ => list[random.Next(list.Count)])];
            place -= list.Count;
        }
        throw new InvalidOperationException("no clips");
    }

    public void Dispose()
    {
        foreach (var list in _bySize.Values)
            list.ForEach(l => l.Dispose());
    }

    private void Make(long index)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var random = new Random((int)(plan.Seed * 7_919L + index));
        var frames = Piece(rendered.Take(random, index)[0], random, index);
        var looks = Enumerable.Range(0, LooksPerClip).Select(_ => PromptGrammar.Special(random)).Distinct().ToArray();
        // What a sensor adds is in the input alone: the picture that is wanted is at rest where the scene is.
        List<Func<Tensor>> variants =
        [
            () => ClipBank.WithNoise(frames, random),
            () => frames,
            .. StyleBank.All.Select(s => (Func<Tensor>)(() => s.Target(frames))),
            .. looks.Select(l => (Func<Tensor>)(() => l.Paint(frames))),
        ];
        var parts = variants.Chunk(AtOnce).Select(part =>
        {
            using var inner = NewDisposeScope();
            var encoded = VaeTrainer.Encode(vae, stack([.. part.Select(make => make())]));
            return encoded.view(plan.LatentFrames, part.Length, -1, encoded.size(2), encoded.size(3)).transpose(0, 1)
                .to_type(ScalarType.BFloat16).MoveToOuterDisposeScope();
        });
        var latents = cat([.. parts]);
        var (height, width) = (latents.size(3), latents.size(4));
        if (!_bySize.TryGetValue((height, width), out var list))
            _bySize[(height, width)] = list = [];
        list.Add(new StyledLatents(latents.DetachFromDisposeScope(), looks));
    }

    private Tensor Piece(Tensor frames, Random random, long index)
    {
        if (plan.Crop is not { } side || index % WholeEvery == WholeEvery - 1)
            return frames;
        var (top, left) = (random.Next((int)frames.size(2) - side + 1), random.Next((int)frames.size(3) - side + 1));
        return frames.narrow(2, top, side).narrow(3, left, side);
    }
}
