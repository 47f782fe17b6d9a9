using static TorchSharp.torch;

namespace StreamDiff.Training.Optimisation;

/// <summary>What an optimiser moves: numbers in one vector, and networks that follow them.</summary>
public interface ITrainable
{
    /// <summary>Everything that is trained, float32.</summary>
    Tensor Vector { get; }

    /// <summary>Gradient of a loss by the vector, float32 of its shape.</summary>
    Tensor Gradient(Tensor loss);

    /// <summary>The vector has changed: what the networks compute with follows.</summary>
    void Round();
}
