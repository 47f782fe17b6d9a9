using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Registry;
using StreamDiff.Training.Data;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>How much noise the frames of a step's clips get, as the noise controller would decide in a live stream.</summary>
internal sealed class NoiseLevels
{
    // Below this the first step's timesteps would be those of later steps, which see styled pictures and must not style them again.
    private const float LeastScale = 0.2f;
    private const float MostScale = 0.92f;

    private readonly float[] _scales;
    private readonly bool[] _prepared;
    private readonly double _preparedTimestep;
    private readonly int _clips;

    private NoiseLevels(float[] scales, bool[] prepared, double preparedTimestep, double[] firstTimesteps, double laterTimestep, int clips)
    {
        _scales = scales;
        _prepared = prepared;
        _preparedTimestep = preparedTimestep;
        _clips = clips;
        FirstTimesteps = firstTimesteps;
        LaterTimestep = laterTimestep;
    }

    /// <summary>Timesteps of the first denoising step, one per frame, clip after clip.</summary>
    public double[] FirstTimesteps { get; }

    /// <summary>Timestep of the later denoising step that is trained this time.</summary>
    public double LaterTimestep { get; }

    public static NoiseLevels Make(Random random, int clips, int frames, int firstChunk, DiffusionConfig diffusion)
    {
        var scales = new float[clips * frames];
        var timesteps = new double[clips * frames];
        var prepared = new bool[clips * frames];
        var later = diffusion.DenoisingSteps.Skip(1).ToArray();
        var preparedTimestep = (double)later[random.Chance(0.6f) ? 0 : random.Next(later.Length)];
        for (var clip = 0; clip < clips; clip++)
        {
            var scale = random.Chance(0.6f)
                ? (float)diffusion.NoiseScale + 0.04f * random.Normal()
                : random.Between(LeastScale + 0.05f, MostScale);
            // The first chunk goes through all steps before the stream goes on: what stays in the cache is its last one.
            var startsPrepared = random.Chance(0.5f);
            var motion = random.NextSingle();
            for (var frame = 0; frame < frames; frame++)
            {
                var row = clip * frames + frame;
                motion = Math.Clamp(motion + 0.2f * random.Normal(), 0, 1);
                scales[row] = Math.Clamp(scale - (float)diffusion.NoiseRange * motion, LeastScale, MostScale);
                prepared[row] = startsPrepared && frame < firstChunk;
                timesteps[row] = prepared[row] ? preparedTimestep : (int)(1000 * scales[row]) - diffusion.TimestepOffset;
            }
            // One chunk has one level.
            for (var frame = 1; frame < firstChunk; frame++)
                (scales[clip * frames + frame], timesteps[clip * frames + frame]) = (scales[clip * frames], timesteps[clip * frames]);
        }
        return new NoiseLevels(
            scales, prepared, preparedTimestep, timesteps, later[random.Chance(0.6f) ? 0 : random.Next(later.Length)], clips);
    }

    /// <summary>bool [clips, frames], true for frames of a first chunk, which show a later step's picture.</summary>
    public Tensor Prepared(Device device) => tensor(_prepared, device: device).view(_clips, -1);

    /// <summary>
    /// What the first step sees: the input under noise; where a chunk was prepared, the styled picture under a later step's noise.
    /// </summary>
    public Tensor FirstInput(Tensor source, Tensor target, FlowMatchSchedule schedule)
    {
        var noise = randn_like(source);
        var share = tensor(_scales, device: source.device).view(_clips, -1, 1, 1, 1);
        var noisy = noise.mul(share).add(source.mul(share.neg().add(Scalars.One, Scalars.One)), Scalars.One);
        return where(Prepared(source.device).view(_clips, -1, 1, 1, 1), schedule.AddNoise(target, noise, _preparedTimestep), noisy);
    }
}
