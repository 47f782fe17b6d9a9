using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Data;

/// <summary>
/// Clips of real pictures as a camera would film them: it pans, zooms, turns and shakes, light changes, cut-outs move in front (nearer,
/// so faster), exposure blurs what is quick, and lines are read one after the other. The same for the same seed and pictures.
/// </summary>
internal static class FilmedClip
{
    private const double FramesPerSecond = 16;
    private const float VideoShare = 0.12f;
    private const float CutOutShare = 0.45f;
    private const float CutShare = 0.08f;
    private const int Exposures = 3;

    /// <summary>uint8 [frames, 3, height, width], on the library's device.</summary>
    public static Tensor Render(PictureLibrary library, int seed, int frames, int width, int height)
    {
        using var scope = NewDisposeScope();
        var random = new Random(seed);
        var cut = random.Chance(CutShare) ? random.Next(1, frames) : frames;
        var clip = Shot(library, random, cut, width, height);
        if (cut < frames)
            clip = cat([clip, Shot(library, random, frames - cut, width, height)]);
        return Lit(clip, random).mul(Scalars.Of(255f)).round().to_type(ScalarType.Byte).MoveToOuterDisposeScope();
    }

    private static Tensor Shot(PictureLibrary library, Random random, int frames, int width, int height)
    {
        var isVideo = library.Videos.Count > 0 && (library.Stills.Count == 0 || random.Chance(VideoShare));
        var shot = isVideo
            ? Video(library.Videos[random.Next(library.Videos.Count)], random, frames, width, height)
            : Still(library.Stills[random.Next(library.Stills.Count)], random, frames, width, height);
        if (library.CutOuts.Count == 0 || !random.Chance(CutOutShare))
            return shot;
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var things = library.CutOuts[random.Next(library.CutOuts.Count)];
            var path = CameraPath.Thing(random, frames, height, (int)things[0].size(2));
            var thing = Sample(things, path, frames, width, height, GridSamplePaddingMode.Zeros, 1);
            var solid = thing.narrow(1, 3, 1);
            shot = shot.mul(solid.neg().add(Scalars.One, Scalars.One)).add(thing.narrow(1, 0, 3).mul(solid), Scalars.One);
        }
        return shot;
    }

    private static Tensor Still(IReadOnlyList<Tensor> levels, Random random, int frames, int width, int height)
    {
        var path = CameraPath.Camera(random, frames, width, height, (int)levels[0].size(3), (int)levels[0].size(2));
        return Sample(levels, path, frames, width, height, GridSamplePaddingMode.Reflection, random.Chance(0.3f) ? Exposures : 1);
    }

    private static Tensor Video(Tensor video, Random random, int frames, int width, int height)
    {
        var step = random.Chance(0.3f) && video.size(0) >= 2 * frames ? 2 : 1;
        var length = Math.Min(frames * step, (int)video.size(0));
        var first = random.Next((int)video.size(0) - length + 1);
        // To and fro where it is too short.
        var last = length - 1;
        var order = Enumerable.Range(0, frames)
            .Select(i => (long)(first + (last == 0 ? 0 : Math.Abs((i * step + last) % (2 * last) - last))));
        var part = video.index_select(0, tensor(order.ToArray(), device: video.device));
        var share = random.Between(0.55f, 1f);
        var side = (int)Math.Min(share * video.size(2), share * video.size(3) * height / width);
        var across = side * width / height;
        var (top, left) = (random.Next((int)video.size(2) - side + 1), random.Next(Math.Max((int)video.size(3) - across, 0) + 1));
        part = part.narrow(2, top, side).narrow(3, left, Math.Min(across, video.size(3) - left)).to_type(ScalarType.Float32)
            .div(Scalars.Of(255f));
        return side > height
            ? F.interpolate(part, size: [height, width], mode: InterpolationMode.Area)
            : F.interpolate(part, size: [height, width], mode: InterpolationMode.Bilinear, align_corners: false);
    }

    // Pictures as the path sees them, float32 [frames, channels, height, width] in [0, 1].
    private static Tensor Sample(
        IReadOnlyList<Tensor> levels, CameraPath path, int frames, int width, int height, GridSamplePaddingMode outside, int exposures)
    {
        var level = Math.Clamp((int)Math.Round(Math.Log2(Math.Max(path.PixelsPerPixel, 1))), 0, levels.Count - 1);
        var picture = levels[level].to_type(ScalarType.Float32).div(Scalars.Of(255f)).expand(frames, -1, -1, -1);
        Tensor? sum = null;
        for (var i = 0; i < exposures; i++)
        {
            var grid = path.Grid(width, height, (double)i / (2 * exposures), picture.device);
            var seen = F.grid_sample(picture, grid, GridSampleMode.Bilinear, outside, false);
            sum = sum is null ? seen : sum.add_(seen, Scalars.One);
        }
        return sum!.div(Scalars.Of((float)exposures));
    }

    // Exposure, gamma and the lamps' colour, changing slowly; one clip in seven is dark.
    private static Tensor Lit(Tensor clip, Random random)
    {
        var frames = (int)clip.size(0);
        var level = random.Chance(0.15f) ? random.Between(-1.3f, -0.5f) : random.Between(-0.35f, 0.3f);
        var (swing, pace, phase) = (random.Chance(0.4f) ? random.Between(0, 0.35f) : 0, random.Between(1f, 6f), random.Between(0, 6.28f));
        var warmth = random.Between(-0.12f, 0.12f);
        var gains = new float[frames * 3];
        for (var frame = 0; frame < frames; frame++)
        {
            var gain = level + swing * MathF.Sin(phase + pace * frame / (float)FramesPerSecond);
            (gains[3 * frame], gains[3 * frame + 1], gains[3 * frame + 2]) =
                (MathF.Exp(gain + warmth), MathF.Exp(gain), MathF.Exp(gain - warmth));
        }
        return clip.clamp(Scalars.Of(0), Scalars.One).pow(Scalars.Of(MathF.Exp(0.2f * random.Normal())))
            .mul(tensor(gains, device: clip.device).view(frames, 3, 1, 1)).clamp(Scalars.Of(0), Scalars.One);
    }
}
