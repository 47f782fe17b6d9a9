using StreamDiff.Models;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>Text embeddings between two prompts.</summary>
internal static class PromptMix
{
    // Closer to parallel than this the way along the circle cannot be told from the straight one.
    private const float SmallestSine = 1e-4f;

    /// <param name="from">float32 [1, tokens, dim].</param>
    /// <param name="to">Same shape.</param>
    /// <param name="weight">Share of <paramref name="to"/>, 0 to 1.</param>
    /// <param name="kind">How.</param>
    public static Tensor Of(Tensor from, Tensor to, double weight, BlendKind kind)
    {
        using var scope = NewDisposeScope();
        var linear = from.mul(Scalars.Of(1 - weight)).add_(to.mul(Scalars.Of(weight)), Scalars.One);
        return (kind == BlendKind.Linear ? linear : Spherical(from, to, weight, linear)).MoveToOuterDisposeScope();
    }

    // Each token is turned from one direction to the other, its length mixed. Where a prompt has no token (padding is zero) there is no
    // direction: the straight way.
    private static Tensor Spherical(Tensor from, Tensor to, double weight, Tensor linear)
    {
        var (lengthFrom, lengthTo) = (from.norm(-1, keepdim: true), to.norm(-1, keepdim: true));
        var (unitFrom, unitTo) = (from.div(lengthFrom), to.div(lengthTo));
        var angle = unitFrom.mul(unitTo).sum(-1, keepdim: true).clamp(Scalars.Of(-1), Scalars.One).acos();
        var sine = angle.sin();
        var direction = unitFrom.mul(angle.mul(Scalars.Of(1 - weight)).sin().div(sine))
            .add_(unitTo.mul(angle.mul(Scalars.Of(weight)).sin().div(sine)), Scalars.One);
        var length = lengthFrom.mul(Scalars.Of(1 - weight)).add_(lengthTo.mul(Scalars.Of(weight)), Scalars.One);
        var hasAngle = lengthFrom.gt(Scalars.Of(0)).logical_and_(lengthTo.gt(Scalars.Of(0)))
            .logical_and_(sine.gt(Scalars.Of(SmallestSine)));
        return where(hasAngle, direction.mul(length), linear);
    }
}
