using StreamDiff.Models.Vae;
using StreamDiff.Training.Data;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Clips as latents in every style. Painting and encoding cost more than a step of the transformer, so a clip is made once, in all its styles, and used many
/// times; a new one joins every few steps. What a step may draw from depends on its number alone.
/// </summary>
internal sealed class LatentBank(ClipBank clips, Taehv vae, int latentFrames, int capacity, int seed) : IDisposable
{
    private const int AtStart = 48;
    private const int StepsPerClip = 4;
    private const int MixturesPerClip = 5;

    // Clips of one step must have one size; most have the default one.
    private readonly Dictionary<(long Height, long Width), List<StyledLatents>> _bySize = [];
    private long _made;

    /// <summary>Clips of one size for one step.</summary>
    public IReadOnlyList<StyledLatents> Sample(Random random, int count, long step)
    {
        var wanted = Math.Min(AtStart + step / StepsPerClip, capacity);
        while (_made < wanted)
            Make(_made++);
        var place = random.Next(_bySize.Values.Sum(l => l.Count));
        foreach (var list in _bySize.Values)
        {
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
        var random = new Random((int)(seed * 7_919L + index));
        var frames = clips.Take(random, index)[0];
        var mixtures = Enumerable.Range(0, MixturesPerClip).Select(_ => Mixture(random)).Distinct().ToArray();
        List<IReadOnlyList<int>> wishes = [[], .. Enumerable.Range(0, StyleBank.All.Count).Select(s => new[] { s }), .. mixtures.Select(m => new[] { m.First, m.Second })];
        var latents = VaeTrainer.Encode(vae, stack(wishes.Select(w => StyledLatents.Paint(frames, w)).ToArray()));
        var (height, width) = (latents.size(2), latents.size(3));
        var kept = latents.view(latentFrames, wishes.Count, -1, height, width).transpose(0, 1).to_type(ScalarType.BFloat16).contiguous();
        if (!_bySize.TryGetValue((height, width), out var list))
            _bySize[(height, width)] = list = [];
        list.Add(new StyledLatents(kept.DetachFromDisposeScope(), mixtures));
    }

    private static (int First, int Second) Mixture(Random random)
    {
        var first = random.Next(StyleBank.All.Count);
        return (first, (first + random.Next(1, StyleBank.All.Count)) % StyleBank.All.Count);
    }
}
