using StreamDiff.Models;
using TorchSharp;
using static StreamDiff.Training.Styles.ImageFilters;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Styles;

/// <summary>
/// The styles as programs: pictures [frames, 3, H, W] in [0, 1] to the same as an artist would have them. Each frame by itself, so what
/// moves evenly stays even.
/// </summary>
internal static class StylePrograms
{
    // Of the transformer's tokens, in pixels: patterns repeat in it.
    private const int Token = 16;

    public static Tensor PencilSketch(Tensor x)
    {
        var grey = Luma(x);
        var dodged = grey.add(Scalars.Of(0.04f), Scalars.One).div(Blur(grey, 4).add(Scalars.Of(0.04f), Scalars.One))
            .clamp(Scalars.Of(0), Scalars.One).pow(Scalars.Of(4f));
        var ink = Ink(grey, 0.8, 12, 0.3f, 9);
        // Slanting strokes where it is dark; paper shows through.
        var shade = Blur(grey, 1).mul(Scalars.Of(1.25f)).clamp(Scalars.Of(0), Scalars.One);
        var hatching = Inverted(Inverted(shade).mul(Waves(x, 2.0 / Token, 2.0 / Token).mul(Scalars.Of(0.45f))
            .add(Scalars.Of(0.15f), Scalars.One)));
        return Ramp(dodged.mul(ink.mul(Scalars.Of(0.7f)).add(Scalars.Of(0.3f), Scalars.One)).mul(hatching).pow(Scalars.Of(0.85f)),
            (0.2f, 0.2f, 0.22f), (0.64f, 0.64f, 0.63f), (0.98f, 0.97f, 0.94f));
    }

    public static Tensor InkDrawing(Tensor x)
    {
        var grey = Luma(x);
        var lines = Ink(grey, 0.9, 18, 0.2f, 22);
        var tone = Blur(grey, 1.5).pow(Scalars.Of(0.8f));
        // Two layers of crossing lines, the second only in the dark.
        var first = Hatch(tone, Waves(x, 2.0 / Token, -2.0 / Token), 0.5f);
        var second = Hatch(tone, Waves(x, 2.0 / Token, 2.0 / Token), 0.26f);
        return Grey(lines.mul(first).mul(second).mul(Scalars.Of(0.96f)).add(Scalars.Of(0.03f), Scalars.One));
    }

    public static Tensor InkAndWash(Tensor x)
    {
        var washes = Posterise(Luma(Kuwahara(Strokes(x, 4), 3)).pow(Scalars.Of(0.55f)), 4, 8);
        var lines = Ink(Luma(x), 1.4, 10, 0.22f, 14);
        return Ramp(washes.mul(lines.mul(Scalars.Of(0.85f)).add(Scalars.Of(0.15f), Scalars.One)),
            (0.05f, 0.06f, 0.12f), (0.5f, 0.53f, 0.58f), (0.97f, 0.94f, 0.86f));
    }

    public static Tensor OilPainting(Tensor x)
    {
        var strokes = Saturate(Strokes(Kuwahara(x, 3), 6), 1.6f);
        // Thick paint stands out along the brush, lit from above left.
        var (gx, gy) = Gradient(Luma(strokes));
        return strokes.sub(Scalars.Of(0.5f)).mul(Scalars.Of(1.12f)).add(Scalars.Of(0.52f), Scalars.One)
            .add(gx.add(gy, Scalars.One).mul(Scalars.Of(-1.8f)), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor Watercolor(Tensor x)
    {
        var washes = Saturate(Kuwahara(Strokes(x, 3), 4), 1.15f);
        // Pigment gathers at the rims of a wash.
        var rims = Edges(Luma(washes)).mul(Scalars.Of(2f)).clamp(Scalars.Of(0), Scalars.Of(0.5f));
        return washes.pow(Scalars.Of(0.8f)).mul(Scalars.Of(0.68f)).add(Scalars.Of(0.32f), Scalars.One).sub(rims.mul(Scalars.Of(0.6f)))
            .clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor Pastel(Tensor x)
    {
        var soft = Saturate(Blur(Kuwahara(Strokes(x, 5), 2), 0.7), 0.85f);
        var chalk = Waves(x, 1.0 / Token, -2.0 / Token).mul(Scalars.Of(0.14f)).sub(Scalars.Of(0.07f));
        return Graded(soft.mul(Scalars.Of(0.55f)).add(Scalars.Of(0.38f), Scalars.One).add(chalk, Scalars.One), (1.02f, 0.97f, 1.03f),
            (0, 0, 0.02f));
    }

    public static Tensor Anime(Tensor x)
    {
        var flat = Kuwahara(Kuwahara(x, 3), 2);
        var grey = Luma(flat);
        // Three tones, the shadows blue and never black.
        var steps = Posterise(grey.pow(Scalars.Of(0.75f)), 4, 14);
        var colours = Saturate(flat.mul(steps.add(Scalars.Of(0.12f), Scalars.One).div(grey.add(Scalars.Of(0.1f), Scalars.One)))
            .clamp(Scalars.Of(0), Scalars.One), 2f);
        var lines = Lines(Luma(Kuwahara(x, 2)), 1.2, 0.022f);
        return Graded(colours.mul(Scalars.Of(0.86f)).add(Scalars.Of(0.1f), Scalars.One)
            .mul(lines.mul(Scalars.Of(0.92f)).add(Scalars.Of(0.08f), Scalars.One)), (0.98f, 1, 1.04f), (0.02f, 0.03f, 0.07f));
    }

    public static Tensor Comic(Tensor x)
    {
        var flat = Kuwahara(x, 3).pow(Scalars.Of(0.8f));
        var grey = Luma(flat);
        var steps = Posterise(grey, 4, 12);
        var colours = Saturate(flat.mul(steps.add(Scalars.Of(0.08f), Scalars.One).div(grey.add(Scalars.Of(0.08f), Scalars.One)))
            .clamp(Scalars.Of(0), Scalars.One), 1.9f);
        // Printer's dots in the half tones.
        var dots = Waves(x, 2.0 / Token, 2.0 / Token).mul(Waves(x, 2.0 / Token, -2.0 / Token));
        var shade = sigmoid(dots.sub(Inverted(grey).mul(Scalars.Of(1.1f))).mul(Scalars.Of(-9f))).mul(Scalars.Of(0.42f));
        var lines = Lines(Luma(Kuwahara(x, 2)), 1.5, 0.035f);
        return colours.mul(Scalars.Of(0.8f)).add(Scalars.Of(0.2f), Scalars.One).mul(Inverted(shade)).mul(lines);
    }

    public static Tensor PopArt(Tensor x) =>
        Ramp(Posterise(Luma(Kuwahara(x, 3)), 4, 14), (0.1f, 0.1f, 0.5f), (0.93f, 0.1f, 0.2f), (1f, 0.85f, 0.05f), (0.75f, 1f, 0.95f));

    // A dark scene; what shines has two hues, by what is light and dark in it, and a halo.
    public static Tensor Neon(Tensor x)
    {
        var grey = Luma(x);
        var lines = Edges(Blur(grey, 0.8)).add(Edges(Saturate(Blur(x, 0.8), 2f)).mean([1], keepdim: true), Scalars.Of(0.5f))
            .mul(Scalars.Of(3.4f)).clamp(Scalars.Of(0), Scalars.One);
        var hue = sigmoid(Blur(grey, 6).sub(Scalars.Of(0.42f)).mul(Scalars.Of(12f)));
        var light = Ramp(hue, (1f, 0.1f, 0.75f), (0.1f, 0.85f, 1f));
        var halo = Blur(lines, 2.5).mul(Scalars.Of(0.9f)).add(Blur(lines, 7), Scalars.Of(0.5f));
        var scene = Graded(x, (0.1f, 0.08f, 0.22f), (0.015f, 0.005f, 0.05f));
        return scene.add(light.mul(lines.add(halo, Scalars.One)), Scalars.One).add(lines.pow(Scalars.Of(3f)), Scalars.Of(0.45f))
            .clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor Cyberpunk(Tensor x)
    {
        var graded = Ramp(Luma(x), (0.03f, 0.01f, 0.14f), (0.32f, 0.05f, 0.5f), (0.85f, 0.2f, 0.62f), (0.2f, 0.85f, 1f), (0.9f, 1f, 1f))
            .mul(Scalars.Of(0.72f)).add(Saturate(x, 1.6f), Scalars.Of(0.28f));
        // Signs and lamps spill over.
        var lamps = graded.sub(Scalars.Of(0.55f)).clamp(Scalars.Of(0), Scalars.One);
        return graded.mul(Scalars.Of(0.92f)).add(Blur(lamps, 5), Scalars.Of(0.9f)).clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor Vaporwave(Tensor x)
    {
        var graded = Ramp(Luma(Blur(x, 0.5)), (0.22f, 0.1f, 0.4f), (0.62f, 0.3f, 0.72f), (1f, 0.55f, 0.75f), (1f, 0.82f, 0.7f),
            (0.65f, 1f, 0.95f));
        // A screen's lines; what is finer, the autoencoder loses.
        return graded.mul(Waves(x, 0, 2.0 / Token).mul(Scalars.Of(0.12f)).add(Scalars.Of(0.88f), Scalars.One));
    }

    // Squares as large as a latent's eight pixels, in few colours.
    public static Tensor PixelArt(Tensor x)
    {
        const int side = Token / 2;
        var small = F.avg_pool2d(x, [side, side], [side, side]);
        var few = Posterise(Saturate(small, 1.5f).sub(Scalars.Of(0.5f)).mul(Scalars.Of(1.15f)).add(Scalars.Of(0.5f), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.One), 6, 16);
        return F.interpolate(few, scale_factor: [side, side], mode: InterpolationMode.Nearest);
    }

    public static Tensor GameBoy(Tensor x)
    {
        var light = Luma(Kuwahara(x, 1)).sub(Scalars.Of(0.47f)).mul(Scalars.Of(1.25f)).add(Scalars.Of(0.5f), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.One);
        // Between two of its four greens they alternate.
        var dither = Waves(x, 2.0 / Token, 2.0 / Token).mul(Waves(x, 2.0 / Token, -2.0 / Token)).sub(Scalars.Of(0.25f))
            .mul(Scalars.Of(0.12f));
        return Ramp(Posterise(light.add(dither, Scalars.One).clamp(Scalars.Of(0), Scalars.One), 4, 16),
            (0.06f, 0.22f, 0.06f), (0.19f, 0.38f, 0.19f), (0.55f, 0.67f, 0.06f), (0.61f, 0.74f, 0.06f));
    }

    public static Tensor Claymation(Tensor x)
    {
        var lumps = Blur(Kuwahara(Kuwahara(x, 4), 3), 1);
        var (gx, gy) = Gradient(Blur(Luma(lumps), 1.8));
        var light = gx.add(gy, Scalars.One).mul(Scalars.Of(-3.2f)).clamp(Scalars.Of(-0.35f), Scalars.Of(0.35f));
        return Saturate(lumps, 1.3f).mul(Scalars.Of(0.78f)).add(Scalars.Of(0.13f), Scalars.One).add(light, Scalars.One)
            .clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor StainedGlass(Tensor x)
    {
        var panes = Saturate(Kuwahara(Kuwahara(x, 5), 4), 2.4f).sub(Scalars.Of(0.5f)).mul(Scalars.Of(1.3f))
            .add(Scalars.Of(0.55f), Scalars.One)
            .clamp(Scalars.Of(0.03f), Scalars.One);
        // Lead along the borders and on a lattice of diamonds.
        var borders = Lines(Luma(Kuwahara(x, 3)), 1.7, 0.03f);
        var lattice = Inverted(Waves(x, 1.0 / Token, 1.0 / Token).pow(Scalars.Of(34f))
            .add(Waves(x, 1.0 / Token, -1.0 / Token).pow(Scalars.Of(34f)), Scalars.One).clamp(Scalars.Of(0), Scalars.One)
            .mul(Scalars.Of(0.8f)));
        return panes.mul(borders).mul(lattice);
    }

    public static Tensor Woodcut(Tensor x)
    {
        var tone = Luma(Kuwahara(x, 2));
        // Grooves as wide as the place is light.
        var grooves = Waves(x, 0.0, 2.0 / Token).mul(Scalars.Of(0.75f)).add(Scalars.Of(0.12f), Scalars.One);
        var cuts = sigmoid(tone.mul(Scalars.Of(1.15f)).sub(grooves).mul(Scalars.Of(11f)));
        var lines = Ink(Luma(x), 1.3, 14, 0.2f, 20);
        return Ramp(cuts.mul(lines), (0.11f, 0.08f, 0.07f), (0.93f, 0.83f, 0.64f));
    }

    public static Tensor NightVision(Tensor x)
    {
        var light = Luma(x).mul(Scalars.Of(1.2f)).add(Scalars.Of(0.04f), Scalars.One).clamp(Scalars.Of(0), Scalars.One)
            .pow(Scalars.Of(0.75f)).mul(Waves(x, 0, 2.0 / Token).mul(Scalars.Of(0.14f)).add(Scalars.Of(0.86f), Scalars.One));
        return Ramp(light, (0.0f, 0.05f, 0.02f), (0.08f, 0.6f, 0.12f), (0.6f, 1f, 0.55f));
    }

    public static Tensor Thermal(Tensor x) =>
        Ramp(Blur(Luma(x), 1.2), (0.02f, 0f, 0.15f), (0.35f, 0f, 0.6f), (0.9f, 0.15f, 0.3f), (1f, 0.65f, 0f), (1f, 1f, 0.8f));

    public static Tensor Sepia(Tensor x) =>
        Ramp(Blur(Luma(x), 0.6).sub(Scalars.Of(0.5f)).mul(Scalars.Of(0.9f)).add(Scalars.Of(0.52f), Scalars.One),
            (0.14f, 0.08f, 0.03f), (0.6f, 0.43f, 0.26f), (1f, 0.9f, 0.7f));

    public static Tensor Noir(Tensor x) => Grey(sigmoid(Luma(x).sub(Scalars.Of(0.42f)).mul(Scalars.Of(7.5f))));

    public static Tensor Blueprint(Tensor x)
    {
        var lines = Inverted(Ink(Luma(x), 0.9, 16, 0.0f, 30)).add(Edges(Blur(Luma(x), 0.7)).mul(Scalars.Of(2.6f)), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.One);
        var grid = Waves(x, 1.0 / Token, 0).pow(Scalars.Of(40f)).add(Waves(x, 0, 1.0 / Token).pow(Scalars.Of(40f)), Scalars.One)
            .mul(Scalars.Of(0.12f));
        return Ramp(lines.add(grid, Scalars.One).clamp(Scalars.Of(0), Scalars.One),
            (0.04f, 0.16f, 0.45f), (0.45f, 0.6f, 0.85f), (0.95f, 0.98f, 1f));
    }

    public static Tensor Inverted(Tensor x) => x.neg().add(Scalars.One, Scalars.One);

    public static Tensor XRay(Tensor x)
    {
        var grey = Luma(x);
        var bones = Inverted(grey).pow(Scalars.Of(1.5f)).mul(Scalars.Of(0.75f))
            .add(Blur(Edges(Blur(grey, 1)), 1).mul(Scalars.Of(1.8f)), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
        return Ramp(bones, (0.0f, 0.02f, 0.06f), (0.2f, 0.42f, 0.6f), (0.85f, 0.97f, 1f));
    }

    public static Tensor StoneRelief(Tensor x) =>
        Ramp(Relief(x, 2.4f), (0.15f, 0.14f, 0.12f), (0.55f, 0.53f, 0.49f), (0.97f, 0.95f, 0.9f));

    public static Tensor Bronze(Tensor x)
    {
        // Form by its light, polish by its slope.
        var form = Blur(Luma(x), 0.8).mul(Scalars.Of(0.55f)).add(Relief(x, 1.8f).sub(Scalars.Of(0.5f)), Scalars.One)
            .add(Scalars.Of(0.18f), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
        return Ramp(form, (0.08f, 0.04f, 0.01f), (0.42f, 0.24f, 0.06f), (0.83f, 0.58f, 0.18f), (1f, 0.9f, 0.55f), (1f, 1f, 0.9f));
    }

    public static Tensor Sunset(Tensor x) => Graded(x, (1.25f, 0.88f, 0.5f), (0.1f, 0.03f, 0.02f));

    public static Tensor Winter(Tensor x) => Graded(Saturate(x, 0.55f), (0.72f, 0.88f, 1.05f), (0.1f, 0.14f, 0.22f));

    public static Tensor Fire(Tensor x)
    {
        var grey = Luma(x);
        var heat = grey.pow(Scalars.Of(1.3f)).mul(Scalars.Of(0.75f)).add(Blur(Edges(Blur(grey, 1)), 1.5).mul(Scalars.Of(1.6f)), Scalars.One)
            .clamp(Scalars.Of(0), Scalars.One);
        return Ramp(heat, (0.05f, 0.0f, 0.0f), (0.55f, 0.06f, 0.0f), (0.97f, 0.4f, 0.02f), (1f, 0.8f, 0.2f), (1f, 1f, 0.8f));
    }

    public static Tensor Underwater(Tensor x)
    {
        var soft = Saturate(Blur(x, 1.1), 0.7f);
        return Graded(soft.sub(Scalars.Of(0.45f)).mul(Scalars.Of(0.85f)).add(Scalars.Of(0.42f), Scalars.One), (0.25f, 0.85f, 0.95f),
            (0.0f, 0.06f, 0.14f));
    }

    private static Tensor Relief(Tensor x, float depth)
    {
        var (gx, gy) = Gradient(Blur(Luma(x), 0.8));
        return gx.add(gy, Scalars.One).mul(Scalars.Of(-depth)).add(Scalars.Of(0.5f), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    // Paper where the tone is lighter than the limit; else lines of the pattern, thicker the darker it is.
    private static Tensor Hatch(Tensor tone, Tensor pattern, float limit) =>
        sigmoid(tone.mul(Scalars.Of(1 / limit)).sub(pattern).mul(Scalars.Of(9f)));

    private static Tensor Graded(Tensor x, (float R, float G, float B) gain, (float R, float G, float B) lift)
    {
        var gains = tensor(new[] { gain.R, gain.G, gain.B }, device: x.device).view(1, 3, 1, 1);
        var lifts = tensor(new[] { lift.R, lift.G, lift.B }, device: x.device).view(1, 3, 1, 1);
        return x.mul(gains).add(lifts, Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    private static Tensor Grey(Tensor luma) => luma.expand(-1, 3, -1, -1).contiguous();
}
