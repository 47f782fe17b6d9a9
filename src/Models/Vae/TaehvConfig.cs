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
    /// Changes from frame to frame below so many 8-bit steps are held back, because this autoencoder flickers by as much. Default 0: none.
    /// </summary>
    public double Steady { get; init; }
}
