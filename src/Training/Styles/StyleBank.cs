using StreamDiff.Models;
using TorchSharp;
using static StreamDiff.Training.Styles.ImageFilters;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Styles;

/// <summary>What <c>tiny</c> can paint, and the programs that define it.</summary>
public static class StyleBank
{
    public static IReadOnlyList<Style> All { get; } =
    [
        new("pencil sketch",
        [
            "pencil sketch", "pencil drawing", "graphite sketch", "sketch", "hand drawn sketch", "drawn in pencil", "charcoal drawing",
            "line drawing",
        ], PencilSketch),
        new("ink and wash",
        [
            "ink and wash", "ink wash painting", "sumi-e", "chinese ink painting", "brush and ink", "japanese ink painting",
            "ink painting",
        ], InkAndWash),
        new("oil painting",
            ["oil painting", "oil paint", "oil on canvas", "painted in oil", "thick oil paint", "impressionist painting", "impasto"],
            OilPainting),
        new("watercolor",
        [
            "watercolor", "watercolour", "watercolor painting", "aquarelle", "painted in watercolor", "a watercolour sketch",
            "soft watercolor",
        ], Watercolor),
        new("neon", ["neon", "neon edges", "neon lights", "glowing neon lines", "neon outlines", "glowing edges", "neon glow", "tron"],
            Neon),
        new("night vision",
        [
            "night vision", "night vision goggles", "green night vision", "military night vision", "infrared night camera",
            "nightvision camera",
        ], NightVision),
        new("thermal",
            ["thermal", "thermal camera", "heat map", "thermal imaging", "heat vision", "predator vision", "infrared heat camera"],
            Thermal),
        new("sepia",
            ["sepia", "sepia film", "old photograph", "vintage sepia", "old film", "vintage photo", "antique photograph", "western 1900s"],
            Sepia),
        new("pixel mosaic",
            ["pixel mosaic", "mosaic", "pixel art", "pixelated", "8-bit", "8 bit video game", "lego bricks", "retro pixels"], Mosaic,
            KeepsPicture: false),
        new("cartoon", ["cartoon", "comic", "comic book", "anime", "cel shaded", "toon shading", "animated cartoon", "comics"], Cartoon),
        new("blueprint",
            ["blueprint", "technical drawing", "architect's blueprint", "cyanotype plan", "white lines on blue", "engineering drawing"],
            Blueprint),
        new("inverted", ["inverted", "negative", "inverted colors", "film negative", "colour negative", "inverse", "x-ray"], Inverted),
        new("noir",
            ["noir", "film noir", "black and white", "high contrast black and white", "monochrome", "black and white movie", "grayscale"],
            Noir),
        new("cyberpunk", ["cyberpunk", "vaporwave", "synthwave", "pink and cyan", "blade runner", "outrun", "cyberpunk city lights"],
            Cyberpunk),
        new("stone relief",
            ["stone relief", "bas-relief", "emboss", "carved in stone", "embossed", "clay relief", "marble carving", "stone sculpture"],
            StoneRelief),
        new("sunset", ["sunset", "golden hour", "warm light", "at sunset", "warm evening light", "golden light", "summer evening"], Sunset),
        new("winter", ["winter", "frozen", "cold blue light", "icy", "snowy", "arctic", "cold winter morning", "frosty"], Winter),
        new("pop art", ["pop art", "andy warhol", "screen print", "bold poster colors", "silkscreen poster", "pop-art poster"], PopArt),
    ];

    private static Tensor PencilSketch(Tensor x)
    {
        var grey = Luma(x);
        var dodged = grey.add(Scalars.Of(0.03f), Scalars.One).div(Blur(grey, 3.5).add(Scalars.Of(0.03f), Scalars.One))
            .clamp(Scalars.Of(0), Scalars.One).pow(Scalars.Of(3.5f));
        return Grey(dodged.mul(Scalars.Of(0.82f)).add(grey.sqrt().mul(Scalars.Of(0.15f)), Scalars.One).clamp(Scalars.Of(0), Scalars.One));
    }

    private static Tensor InkAndWash(Tensor x)
    {
        var washes = Posterise(Luma(Kuwahara(x, 3)).pow(Scalars.Of(0.55f)), 4, 8);
        var lines = Blur(Edges(Blur(Luma(x), 1.2)), 0.8).mul(Scalars.Of(4)).clamp(Scalars.Of(0), Scalars.One);
        return Ramp(washes.mul(Inverted(lines.mul(Scalars.Of(0.9f)))), (0.05f, 0.06f, 0.12f), (0.5f, 0.53f, 0.58f), (0.97f, 0.94f, 0.86f));
    }

    private static Tensor OilPainting(Tensor x)
    {
        var strokes = Saturate(Kuwahara(x, 4), 1.5f);
        // Thick paint stands out, lit from above left.
        var (gx, gy) = Gradient(Blur(Luma(strokes), 1));
        return strokes.sub(Scalars.Of(0.5f)).mul(Scalars.Of(1.2f)).add(Scalars.Of(0.5f), Scalars.One)
            .add(gx.add(gy, Scalars.One).mul(Scalars.Of(-1.6f)), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    private static Tensor Watercolor(Tensor x)
    {
        var washes = Saturate(Kuwahara(x, 3), 0.9f);
        var rims = Edges(Luma(washes)).mul(Scalars.Of(1.4f)).clamp(Scalars.Of(0), Scalars.Of(0.35f));
        return washes.mul(Scalars.Of(0.62f)).add(Scalars.Of(0.38f), Scalars.One).sub(rims.mul(Scalars.Of(0.6f)))
            .clamp(Scalars.Of(0), Scalars.One);
    }

    private static Tensor Neon(Tensor x)
    {
        var lines = Edges(Saturate(Blur(x, 0.8), 2f)).mul(Scalars.Of(2.6f)).clamp(Scalars.Of(0), Scalars.One);
        return Graded(lines.add(Blur(lines, 3).mul(Scalars.Of(0.7f)), Scalars.One), (1, 1, 1), (0.03f, 0, 0.08f));
    }

    private static Tensor NightVision(Tensor x)
    {
        var light = Luma(x).mul(Scalars.Of(1.2f)).add(Scalars.Of(0.04f), Scalars.One).clamp(Scalars.Of(0), Scalars.One)
            .pow(Scalars.Of(0.75f)).mul(Vignette(x, 0.7f));
        return Ramp(light, (0.0f, 0.05f, 0.02f), (0.08f, 0.6f, 0.12f), (0.6f, 1f, 0.55f));
    }

    private static Tensor Thermal(Tensor x) =>
        Ramp(Blur(Luma(x), 1.2), (0.02f, 0f, 0.15f), (0.35f, 0f, 0.6f), (0.9f, 0.15f, 0.3f), (1f, 0.65f, 0f), (1f, 1f, 0.8f));

    private static Tensor Sepia(Tensor x)
    {
        var faded = Luma(x).sub(Scalars.Of(0.5f)).mul(Scalars.Of(0.9f)).add(Scalars.Of(0.52f), Scalars.One).mul(Vignette(x, 0.45f));
        return Ramp(faded, (0.14f, 0.08f, 0.03f), (0.6f, 0.43f, 0.26f), (1f, 0.9f, 0.7f));
    }

    // Tiles as large as the transformer's tokens, with seams: smaller ones without seams do not survive the autoencoder.
    private static Tensor Mosaic(Tensor x)
    {
        const int side = 16, seam = 2;
        var tiles = Saturate(
            F.interpolate(F.avg_pool2d(x, [side, side], [side, side]), scale_factor: [side, side], mode: InterpolationMode.Nearest), 1.3f);
        var tile = ones([1, 1, side, side], device: x.device);
        tile.narrow(2, side - seam, seam).fill_(Scalars.Of(0.35f));
        tile.narrow(3, side - seam, seam).fill_(Scalars.Of(0.35f));
        return tiles.mul(tile.repeat(1, 1, x.size(2) / side, x.size(3) / side));
    }

    private static Tensor Cartoon(Tensor x)
    {
        var flat = Kuwahara(x, 2);
        var grey = Luma(flat);
        var steps = Posterise(grey, 4, 10);
        var colours = Saturate(flat.mul(steps.add(Scalars.Of(0.08f), Scalars.One).div(grey.add(Scalars.Of(0.08f), Scalars.One))).clamp(
            Scalars.Of(0), Scalars.One), 1.6f);
        var lines = Blur(sigmoid(Edges(Blur(Luma(x), 1.2)).sub(Scalars.Of(0.07f)).mul(Scalars.Of(60f))), 1).mul(Scalars.Of(1.4f))
            .clamp(Scalars.Of(0), Scalars.One);
        return colours.mul(Scalars.Of(0.75f)).add(Scalars.Of(0.25f), Scalars.One).mul(Inverted(lines));
    }

    private static Tensor Blueprint(Tensor x)
    {
        var lines = Edges(Blur(Luma(x), 0.7)).mul(Scalars.Of(3.2f)).clamp(Scalars.Of(0), Scalars.One);
        return Ramp(lines, (0.04f, 0.16f, 0.45f), (0.45f, 0.6f, 0.85f), (0.95f, 0.98f, 1f));
    }

    private static Tensor Inverted(Tensor x) => x.neg().add(Scalars.One, Scalars.One);

    private static Tensor Noir(Tensor x) => Grey(sigmoid(Luma(x).sub(Scalars.Of(0.42f)).mul(Scalars.Of(7.5f))));

    private static Tensor Cyberpunk(Tensor x) =>
        Ramp(Luma(x), (0.05f, 0.01f, 0.2f), (0.55f, 0.05f, 0.6f), (0.95f, 0.25f, 0.65f), (0.25f, 0.95f, 1f));

    private static Tensor StoneRelief(Tensor x)
    {
        var (gx, gy) = Gradient(Blur(Luma(x), 0.8));
        var slope = gx.add(gy, Scalars.One).mul(Scalars.Of(-2.4f)).add(Scalars.Of(0.5f), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
        return Ramp(slope, (0.15f, 0.14f, 0.12f), (0.55f, 0.53f, 0.49f), (0.97f, 0.95f, 0.9f));
    }

    private static Tensor Sunset(Tensor x) => Graded(x, (1.25f, 0.88f, 0.5f), (0.1f, 0.03f, 0.02f));

    private static Tensor Winter(Tensor x) => Graded(Saturate(x, 0.55f), (0.72f, 0.88f, 1.05f), (0.1f, 0.14f, 0.22f));

    private static Tensor PopArt(Tensor x) =>
        Ramp(Posterise(Luma(Kuwahara(x, 2)), 4, 14), (0.1f, 0.1f, 0.5f), (0.93f, 0.1f, 0.2f), (1f, 0.85f, 0.05f), (0.75f, 1f, 0.95f));

    private static Tensor Graded(Tensor x, (float R, float G, float B) gain, (float R, float G, float B) lift)
    {
        var gains = tensor(new[] { gain.R, gain.G, gain.B }, device: x.device).view(1, 3, 1, 1);
        var lifts = tensor(new[] { lift.R, lift.G, lift.B }, device: x.device).view(1, 3, 1, 1);
        return x.mul(gains).add(lifts, Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    private static Tensor Grey(Tensor luma) => luma.expand(-1, 3, -1, -1).contiguous();
}
