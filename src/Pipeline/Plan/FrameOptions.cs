using StreamDiff.Models.Registry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Plan;

/// <summary>The frames that the model works on.</summary>
public sealed record FrameOptions : OptionGroup
{
    /// <summary>In pixels, multiples of 16. Null: the model's default size.</summary>
    [Option("size", "WxH", "Picture size in pixels, rounded down to multiples of 16. Default: the model's own.", Alias = "-s")]
    public (int Width, int Height)? Size { get; init; }

    [Option("fit", "HOW", "How a picture of another shape fits the size: crop, letterbox (black bars) or stretch. Default: crop.",
        Says = "crop, letterbox or stretch")]
    public FitMode Fit { get; init; }

    /// <summary>Frames per second to resample to. Null: the source's own timing.</summary>
    [Option("fps", "RATE", "Resample to so many frames per second, such as 30 or 30000/1001. Default: the source's own timing.",
        Says = "a number or a fraction such as 30, 23.976 or 30000/1001"), Limits(0.1, 1000)]
    public Rational? Rate { get; init; }

    /// <summary>The size, the model's own unless another was asked for.</summary>
    public (int Width, int Height) SizeFor(Model model) => Size ?? (model.Config.DefaultSize.Width, model.Config.DefaultSize.Height);
}
