using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>
/// Flow matching with a shifted linear schedule: sigma_i = s*u / (1 + (s-1)*u) for u from 1 to 0 in <c>steps</c> steps, timestep_i = steps
/// * sigma_i. A timestep stands for the nearest timestep_i. Noisy latents are (1-sigma)*x0 + sigma*noise; the network predicts flow = noise
/// - x0.
/// </summary>
public sealed class FlowMatchSchedule
{
    private readonly float[] _sigmas;

    /// <param name="shift">Default 8.</param>
    /// <param name="steps">Default 1000.</param>
    public FlowMatchSchedule(double shift = 8, int steps = 1000)
    {
        Steps = steps;
        _sigmas = new float[steps];
        for (var i = 0; i < steps; i++)
        {
            var u = 1 - (double)i / steps;
            _sigmas[i] = (float)(shift * u / (1 + (shift - 1) * u));
        }
    }

    /// <summary>Length of the training schedule.</summary>
    public int Steps { get; }

    /// <summary>Noise shares from the noisiest to the cleanest.</summary>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    public float TimestepOf(int index) => _sigmas[index] * Steps;

    /// <summary>Sigma of the nearest timestep of the schedule.</summary>
    public float SigmaAt(double timestep)
    {
        // The sigmas fall: look for the first below, then choose between it and its neighbour. The earlier one wins a tie.
        var (low, high) = (0, _sigmas.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (TimestepOf(middle) > timestep)
                low = middle + 1;
            else
                high = middle;
        }
        return low > 0 && Math.Abs(TimestepOf(low - 1) - timestep) <= Math.Abs(TimestepOf(low) - timestep)
            ? _sigmas[low - 1]
            : _sigmas[low];
    }

    /// <summary>(1-sigma)*clean + sigma*noise.</summary>
    public Tensor AddNoise(Tensor clean, Tensor noise, double timestep)
    {
        using var scope = NewDisposeScope();
        var sigma = SigmaAt(timestep);
        using Scalar share = Scalars.Kept(sigma);
        using Scalar rest = Scalars.Kept(1 - sigma);
        return clean.mul(rest).add_(noise.mul(share), Scalars.One).MoveToOuterDisposeScope();
    }

    /// <summary>The same row by row, for rows of different timesteps: [rows, ...].</summary>
    public Tensor Denoise(Tensor noisy, Tensor flow, double[] timesteps)
    {
        if (timesteps.Length == 1)
            return Denoise(noisy, flow, timesteps[0]);
        using var scope = NewDisposeScope();
        var rows = new Tensor[timesteps.Length];
        for (var row = 0; row < rows.Length; row++)
            rows[row] = Denoise(noisy.narrow(0, row, 1), flow.narrow(0, row, 1), timesteps[row]);
        return cat(rows).MoveToOuterDisposeScope();
    }

    /// <summary>x0 = noisy - sigma*flow, computed in double.</summary>
    public Tensor Denoise(Tensor noisy, Tensor flow, double timestep)
    {
        using var scope = NewDisposeScope();
        using var sigma = Scalars.Kept((double)SigmaAt(timestep));
        return noisy.to_type(ScalarType.Float64).sub_(flow.to_type(ScalarType.Float64).mul_(sigma)).to_type(noisy.dtype)
            .MoveToOuterDisposeScope();
    }
}
