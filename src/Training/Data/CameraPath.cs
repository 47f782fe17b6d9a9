using StreamDiff.Models;
using static TorchSharp.torch;

namespace StreamDiff.Training.Data;

/// <summary>
/// Where each pixel of each frame lies in a picture: a place, a size and an angle that change smoothly, a hand that shakes, and lines that
/// are read one after the other (rolling shutter).
/// </summary>
internal sealed class CameraPath
{
    private const double FramesPerSecond = 16;
    private const float StillShare = 0.12f;

    private readonly int _frames;
    private readonly double _aspect;
    private readonly (double At, double Speed, double Shake, double Pace, double Phase) _x;
    private readonly (double At, double Speed, double Shake, double Pace, double Phase) _y;
    private readonly (double At, double Speed, double Shake, double Pace, double Phase) _angle;
    private readonly (double Log, double Speed) _size;
    private readonly double _readout;

    private CameraPath(Random random, int frames, double aspect, double size, double pixelsPerPixel, double x, double y, double liveliness)
    {
        _frames = frames;
        _aspect = aspect;
        PixelsPerPixel = pixelsPerPixel;
        _size = (Math.Log(size), liveliness * random.Between(-0.12f, 0.12f));
        _x = (x, liveliness * random.Between(-0.3f, 0.3f) * size, Shaking(), random.Between(2, 9), random.Between(0, 6));
        _y = (y, liveliness * random.Between(-0.15f, 0.15f) * size, Shaking(), random.Between(2, 9), random.Between(0, 6));
        _angle = (0.1 * random.Normal(), liveliness * 0.1 * random.Normal(), 2 * Shaking(), random.Between(1, 5), random.Between(0, 6));
        _readout = random.Chance(0.3f) ? random.Between(0.2f, 0.9f) / FramesPerSecond : 0;

        double Shaking() => random.Chance(0.5f) ? liveliness * random.Between(0, 0.006f) * size : 0;
    }

    /// <summary>Pixels of the picture for one of the frame.</summary>
    public double PixelsPerPixel { get; }

    /// <summary>A camera before a photograph that it does not leave by much, at most 1.6 times enlarged.</summary>
    public static CameraPath Camera(Random random, int frames, int width, int height, int pictureWidth, int pictureHeight)
    {
        var aspect = (double)pictureWidth / pictureHeight;
        var most = Math.Min(1, aspect * height / width);
        var least = Math.Min(0.62 * height / pictureHeight, most);
        // Wide views are as common as close ones.
        var size = least + (most - least) * random.NextSingle();
        var (roomX, roomY) = (Math.Max(aspect - size * width / height, 0), 1 - size);
        return new CameraPath(random, frames, aspect, size, size * pictureHeight / height, roomX * (random.NextSingle() - 0.5),
            roomY * (random.NextSingle() - 0.5), Liveliness(random));
    }

    /// <summary>A thing somewhere in the frame, a third to nine tenths as high.</summary>
    public static CameraPath Thing(Random random, int frames, int height, int pictureHeight)
    {
        var size = 1 / random.Between(0.3f, 0.9f);
        return new CameraPath(random, frames, 1, size, size * pictureHeight / height, size * random.Between(-0.7f, 0.7f),
            size * random.Between(-0.4f, 0.4f), 1.5 * Liveliness(random));
    }

    /// <summary>Places for grid_sample, float32 [frames, height, width, 2].</summary>
    /// <param name="width">Of the frames.</param>
    /// <param name="height">Of the frames.</param>
    /// <param name="delay">Moment within a frame's time, from 0 to 1.</param>
    /// <param name="device">Where they are wanted.</param>
    public Tensor Grid(int width, int height, double delay, Device device)
    {
        var x = linspace(-0.5 * width / height, 0.5 * width / height, width, device: device).view(1, 1, -1);
        var y = linspace(-0.5, 0.5, height, device: device).view(1, -1, 1);
        var time = linspace(delay / FramesPerSecond, (_frames - 1 + delay) / FramesPerSecond, _frames, device: device).view(-1, 1, 1)
            .add(y, Scalars.Of(_readout));
        var size = time.mul(Scalars.Of(_size.Speed)).add(Scalars.Of(_size.Log), Scalars.One).exp();
        var angle = At(_angle, time);
        var (sin, cos) = (angle.sin().mul(size), angle.cos().mul(size));
        var placeX = x.mul(cos).sub(y.mul(sin)).add(At(_x, time), Scalars.One).mul(Scalars.Of(2 / _aspect));
        var placeY = x.mul(sin).add(y.mul(cos), Scalars.One).add(At(_y, time), Scalars.One).mul(Scalars.Of(2.0));
        return stack([placeX, placeY], -1);
    }

    private static Tensor At((double At, double Speed, double Shake, double Pace, double Phase) p, Tensor time) =>
        time.mul(Scalars.Of(p.Pace * Math.Tau)).add(Scalars.Of(p.Phase), Scalars.One).sin().mul(Scalars.Of(p.Shake))
            .add(time, Scalars.Of(p.Speed)).add(Scalars.Of(p.At), Scalars.One);

    private static double Liveliness(Random random) => random.Chance(StillShare) ? 0 : random.Between(0.3f, 1.5f);
}
