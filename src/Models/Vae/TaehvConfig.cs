namespace StreamDiff.Models.Vae;

/// <summary>Widths of a TAEHV; the defaults are those of the public taew2_1.pth.</summary>
public sealed record TaehvConfig
{
    /// <summary>Widths of the encoder at full, half, quarter and eighth resolution; public files have one width throughout.</summary>
    public IReadOnlyList<int> EncoderWidths { get; init; } = [64, 64, 64, 64];

    /// <summary>Widths of the decoder's three levels and of its last convolution.</summary>
    public IReadOnlyList<int> DecoderWidths { get; init; } = [256, 128, 64, 64];

    public int LatentChannels { get; init; } = 16;

    /// <summary>
    /// Side of the squares of pixels that enter and leave as channels of one place (pixel unshuffle and shuffle, as in newer TAEHVs):
    /// 1, the default, or 2. The stage at full resolution then works at half of it, eight pixels to a latent remain: convolutions over few
    /// channels of many places are what costs most on a CPU.
    /// </summary>
    public int PatchSize { get; init; } = 1;

    /// <summary>
    /// Changes from frame to frame below so many 8-bit steps (root mean square around a pixel) are held back, because this autoencoder
    /// flickers by as much. Default 0: none.
    /// </summary>
    public double Steady { get; init; }
}
