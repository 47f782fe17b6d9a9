using StreamDiff.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Styles;

/// <summary>
/// Filters on pictures [frames, channels, H, W] with values in [0, 1]. Each frame by itself, so what moves evenly stays even.
/// </summary>
internal static class ImageFilters
{
    private static readonly float[] LumaWeights = [0.299f, 0.587f, 0.114f];
    private static readonly float[] Sobel = [-1f, 0, 1, -2, 0, 2, -1, 0, 1];

    /// <summary>Brightness (ITU-R BT.601), [frames, 1, H, W].</summary>
    public static Tensor Luma(Tensor x)
    {
        using var weights = tensor(LumaWeights, device: x.device);
        return x.mul(weights.view(1, 3, 1, 1)).sum(1, keepdim: true);
    }

    /// <summary>Gaussian blur.</summary>
    public static Tensor Blur(Tensor x, double sigma)
    {
        var radius = (int)Math.Ceiling(2.5 * sigma);
        var taps = Enumerable.Range(-radius, 2 * radius + 1).Select(i => (float)Math.Exp(-0.5 * i * i / (sigma * sigma))).ToArray();
        var sum = taps.Sum();
        var kernel = tensor(Array.ConvertAll(taps, t => t / sum), device: x.device);
        var (frames, channels, height, width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        var flat = x.reshape(frames * channels, 1, height, width);
        var across = F.conv2d(Edge(flat, radius, 0), kernel.view(1, 1, 1, -1));
        return F.conv2d(Edge(across, 0, radius), kernel.view(1, 1, -1, 1)).view(frames, channels, height, width);
    }

    /// <summary>Length of the Sobel gradient of each channel.</summary>
    public static Tensor Edges(Tensor x)
    {
        var (gx, gy) = Gradient(x);
        return gx.pow(Scalars.Of(2)).add(gy.pow(Scalars.Of(2)), Scalars.One).add(Scalars.Of(1e-8f), Scalars.One).sqrt();
    }

    /// <summary>Sobel gradients, scaled to brightness steps.</summary>
    public static (Tensor X, Tensor Y) Gradient(Tensor x)
    {
        var (frames, channels, height, width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        var sobel = tensor(Sobel, device: x.device).div(Scalars.Of(4f)).view(1, 1, 3, 3);
        var flat = Edge(x.reshape(frames * channels, 1, height, width), 1, 1);
        return (F.conv2d(flat, sobel).view(frames, channels, height, width),
            F.conv2d(flat, sobel.transpose(2, 3)).view(frames, channels, height, width));
    }

    /// <summary>
    /// Of the four windows that have a pixel in their corner, the mean of the calmest one (Kuwahara 1976): flattens surfaces, keeps edges,
    /// looks painted.
    /// </summary>
    public static Tensor Kuwahara(Tensor x, int radius)
    {
        var (height, width) = (x.size(2), x.size(3));
        var size = radius + 1;
        var padded = Edge(x, radius, radius);
        var mean = F.avg_pool2d(padded, [size, size], [1, 1]);
        var luma = Luma(padded);
        var variance = F.avg_pool2d(luma.pow(Scalars.Of(2)), [size, size], [1, 1])
            .sub(F.avg_pool2d(luma, [size, size], [1, 1]).pow(Scalars.Of(2)));
        var corners = new (int Y, int X)[] { (0, 0), (0, radius), (radius, 0), (radius, radius) };
        var variances = cat(Array.ConvertAll(corners, c => variance.narrow(2, c.Y, height).narrow(3, c.X, width)), 1);
        // A little of each window instead of the best one alone: no flicker where two are alike.
        var shares = softmax(variances.mul(Scalars.Of(-2000f)), 1);
        var result = zeros_like(x);
        for (var i = 0; i < corners.Length; i++)
            result.add_(mean.narrow(2, corners[i].Y, height).narrow(3, corners[i].X, width).mul(shares.narrow(1, i, 1)), Scalars.One);
        return result;
    }

    /// <summary>
    /// Strokes along the edges: every pixel becomes the mean of the curve through it along which the picture changes least (line integral
    /// convolution over the smoothed structure tensor, as in Kyprianidis and Kang 2011).
    /// </summary>
    /// <param name="x">[frames, channels, H, W].</param>
    /// <param name="steps">Pixels to either side.</param>
    /// <param name="smoothing">Sigma of the structure tensor, in pixels.</param>
    public static Tensor Strokes(Tensor x, int steps, double smoothing = 2.5)
    {
        var (height, width) = (x.size(2), x.size(3));
        var (gx, gy) = Gradient(Blur(Luma(x), 0.8));
        var (xx, yy, xy) = (Blur(gx.mul(gx), smoothing), Blur(gy.mul(gy), smoothing), Blur(gx.mul(gy), smoothing));
        // Across the largest eigenvector; where there is none, straight across the picture.
        var angle = atan2(xy.mul(Scalars.Of(2f)), xx.sub(yy).add(Scalars.Of(1e-6f), Scalars.One)).div(Scalars.Of(2f));
        var (dx, dy) = (angle.sin().neg(), angle.cos());
        var (px, py) = (linspace(-1, 1, width, device: x.device).view(1, 1, 1, -1).expand(x.size(0), 1, height, width),
            linspace(-1, 1, height, device: x.device).view(1, 1, -1, 1).expand(x.size(0), 1, height, width));
        var sum = x.clone();
        foreach (var way in (float[])[1, -1])
        {
            var (cx, cy, fx, fy) = (px, py, dx, dy);
            for (var i = 0; i < steps; i++)
            {
                cx = cx.add(fx, Scalars.Of(way * 2f / (width - 1)));
                cy = cy.add(fy, Scalars.Of(way * 2f / (height - 1)));
                var grid = cat([cx, cy], 1).permute(0, 2, 3, 1);
                sum.add_(F.grid_sample(x, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Border, true), Scalars.One);
                if (i + 1 == steps)
                    break;
                var next = F.grid_sample(cat([dx, dy], 1), grid, GridSampleMode.Nearest, GridSamplePaddingMode.Border, true);
                var (nx, ny) = (next.narrow(1, 0, 1), next.narrow(1, 1, 1));
                // A direction has no sign: go on the way that was come.
                var turn = fx.mul(nx).add(fy.mul(ny), Scalars.One).sign();
                (fx, fy) = (nx.mul(turn), ny.mul(turn));
            }
        }
        return sum.div(Scalars.Of((float)(2 * steps + 1)));
    }

    /// <summary>
    /// Ink: 0 on lines and in dark surfaces, 1 on paper (extended difference of Gaussians, Winnemoeller, Kyprianidis, Olsen 2012).
    /// </summary>
    /// <param name="luma">[frames, 1, H, W].</param>
    /// <param name="sigma">Width of the lines, in pixels.</param>
    /// <param name="sharpening">How much detail counts against brightness.</param>
    /// <param name="threshold">Brightness that becomes paper.</param>
    /// <param name="hardness">Steepness of the border.</param>
    public static Tensor Ink(Tensor luma, double sigma, float sharpening, float threshold, float hardness)
    {
        var (fine, coarse) = (Blur(luma, sigma), Blur(luma, 1.6 * sigma));
        var sharp = fine.mul(Scalars.Of(1 + sharpening)).sub(coarse.mul(Scalars.Of(sharpening)));
        return sigmoid(sharp.sub(Scalars.Of(threshold)).mul(Scalars.Of(hardness)));
    }

    /// <summary>Lines where it is darker than around, whatever the brightness: 0 on them, 1 elsewhere (difference of Gaussians).</summary>
    /// <param name="luma">[frames, 1, H, W].</param>
    /// <param name="sigma">Width of the lines, in pixels.</param>
    /// <param name="threshold">Difference of brightness that makes a line.</param>
    public static Tensor Lines(Tensor luma, double sigma, float threshold) =>
        sigmoid(Blur(luma, sigma).sub(Blur(luma, 1.8 * sigma)).add(Scalars.Of(threshold), Scalars.One).mul(Scalars.Of(3.2f / threshold)));

    /// <summary>
    /// A pattern that stays with the screen, [1, 1, H, W] in [0, 1], from the pixel's place. Its period must divide the transformer's
    /// token of 16 pixels, which does not know where it is.
    /// </summary>
    /// <param name="like">A picture of the size that is wanted.</param>
    /// <param name="value">From x and y, in pixels.</param>
    public static Tensor Pattern(Tensor like, Func<Tensor, Tensor, Tensor> value)
    {
        var x = arange(Scalars.Of(0), Scalars.Of(like.size(3)), Scalars.One, ScalarType.Float32, like.device).view(1, 1, 1, -1);
        var y = arange(Scalars.Of(0), Scalars.Of(like.size(2)), Scalars.One, ScalarType.Float32, like.device).view(1, 1, -1, 1);
        return value(x, y);
    }

    /// <summary>Cosine waves that run to the right and down, in [0, 1]: [1, 1, H, W].</summary>
    public static Tensor Waves(Tensor like, double alongX, double alongY) => Pattern(like, (x, y) =>
        x.mul(Scalars.Of(2 * Math.PI * alongX)).add(y.mul(Scalars.Of(2 * Math.PI * alongY)), Scalars.One).cos()
            .mul(Scalars.Of(0.5f)).add(Scalars.Of(0.5f), Scalars.One));

    /// <summary>Steps of brightness with soft edges.</summary>
    public static Tensor Posterise(Tensor x, int levels, double hardness = 12)
    {
        var scaled = x.mul(Scalars.Of((float)(levels - 1)));
        var floor = scaled.floor();
        return floor.add(sigmoid(scaled.sub(floor).sub(Scalars.Of(0.5f)).mul(Scalars.Of((float)hardness))), Scalars.One)
            .div(Scalars.Of((float)(levels - 1))).clamp(Scalars.Of(0), Scalars.One);
    }

    public static Tensor Saturate(Tensor x, float amount)
    {
        var grey = Luma(x);
        return grey.add(x.sub(grey).mul(Scalars.Of(amount)), Scalars.One).clamp(Scalars.Of(0), Scalars.One);
    }

    /// <summary>Colours by brightness, between evenly spaced stops.</summary>
    public static Tensor Ramp(Tensor luma, params (float R, float G, float B)[] stops)
    {
        var place = luma.clamp(Scalars.Of(0), Scalars.One).mul(Scalars.Of(stops.Length - 1));
        var result = zeros([luma.size(0), 3, luma.size(2), luma.size(3)], device: luma.device);
        for (var i = 0; i < stops.Length; i++)
        {
            var share = place.sub(Scalars.Of(i)).abs().neg().add(Scalars.One, Scalars.One).clamp(Scalars.Of(0), Scalars.One);
            var stop = tensor(new[] { stops[i].R, stops[i].G, stops[i].B }, device: luma.device).view(1, 3, 1, 1);
            result.add_(share.mul(stop), Scalars.One);
        }
        return result;
    }

    /// <summary>Darkening towards the corners, [1, 1, H, W].</summary>
    public static Tensor Vignette(Tensor like, float strength)
    {
        var y = linspace(-1, 1, like.size(2), device: like.device).view(1, 1, -1, 1);
        var x = linspace(-1, 1, like.size(3), device: like.device).view(1, 1, 1, -1);
        return x.pow(Scalars.Of(2)).add(y.pow(Scalars.Of(2)), Scalars.One).mul(Scalars.Of(-0.5f * strength)).add(Scalars.One, Scalars.One);
    }

    private static Tensor Edge(Tensor x, int across, int along) => F.pad(x, [across, across, along, along], PaddingModes.Replicate);
}
