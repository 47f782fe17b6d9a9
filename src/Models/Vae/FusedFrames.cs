using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// Frames on their way through the Wan VAE with own kernels. What the last operation left to be added is added in the kernel of the next
/// norm.
/// </summary>
/// <param name="Y">[frames, height, width, channels]; overwritten when the sum is asked for.</param>
/// <param name="Bias">[channels], still to be added; null for none.</param>
/// <param name="Addend">As Y, still to be added; null for none.</param>
internal readonly record struct FusedFrames(Tensor Y, Tensor? Bias = null, Tensor? Addend = null)
{
    /// <summary>Video or latents [1, channels, frames, height, width], as a layer of a network without own kernels gives it.</summary>
    public static FusedFrames Of(Tensor video) => new(video.squeeze(0).permute(1, 2, 3, 0).contiguous());

    /// <summary>[1, channels, frames, height, width], in the memory of the frames.</summary>
    public static Tensor AsVideo(Tensor frames) => frames.permute(3, 0, 1, 2).unsqueeze(0);

    /// <summary>The frames with everything added, [frames, height, width, channels].</summary>
    public Tensor Sum(FrameKernels kernels)
    {
        if (Bias is not null || Addend is not null)
            kernels.Run(Y, Bias, Addend, Y, null, false, null, FrameTaps.None, null);
        return Y;
    }

    /// <summary>The norm of the frames as the convolution wants it.</summary>
    /// <param name="kernels">Own kernels.</param>
    /// <param name="norm">The norm; null for the frames as they are.</param>
    /// <param name="activates">True applies SiLU.</param>
    /// <param name="convolution">What the result goes into; null for a layer that does not look back.</param>
    /// <param name="memory">Of the stream.</param>
    /// <param name="keeps">True makes <see cref="Y"/> the sum.</param>
    public Tensor Norm(FrameKernels kernels, ChannelNorm? norm, bool activates, CausalConv3d? convolution, StreamMemory memory, bool keeps)
    {
        var (frames, height, width, channels) = (Y.size(0), Y.size(1), Y.size(2), Y.size(3));
        var taps = convolution?.Taps ?? FrameTaps.None;
        var h = empty(
            taps switch
            {
                FrameTaps.Along => [2 + frames, height, width, channels],
                FrameTaps.Within => [frames, height, width, 3 * channels],
                _ => [frames, height, width, channels],
            },
            Y.dtype, Y.device);
        var history = taps == FrameTaps.None ? null : convolution!.History(memory, Y);
        var stores = keeps && (Bias is not null || Addend is not null);
        kernels.Run(Y, Bias, Addend, stores ? Y : null, norm?.Gamma, activates, h, taps, history);
        return h;
    }

    /// <summary>Moves what it holds into the scope around the current one.</summary>
    public FusedFrames MoveToOuterDisposeScope()
    {
        Y.MoveToOuterDisposeScope();
        Addend?.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Moves what it holds into a scope.</summary>
    public FusedFrames MoveInto(TorchSharp.DisposeScope scope)
    {
        scope.Attach(Y);
        if (Addend is not null)
            scope.Attach(Addend);
        return this;
    }
}
