namespace StreamDiff.Models.Vae;

/// <summary>Widths of a TAEHV; the defaults are those of the public taew2_1.pth.</summary>
public sealed record TaehvConfig
{
    public int EncoderWidth { get; init; } = 64;

    /// <summary>Widths of the decoder's three levels and of its last convolution.</summary>
    public IReadOnlyList<int> DecoderWidths { get; init; } = [256, 128, 64, 64];

    public int LatentChannels { get; init; } = 16;
}
