namespace StreamDiff.Pipeline.Stream;

/// <summary>Denoises the chunks of one stream in order; each chunk goes in once and comes out once.</summary>
internal interface IChunkDenoiser
{
    /// <summary>Takes a chunk's latents (the caller still owns them); gives a chunk that is done, or null while none is.</summary>
    LatentChunk? Next(LatentChunk chunk);

    /// <summary>After <see cref="Next"/>: another chunk that is done, where several are at once; null when there is none.</summary>
    LatentChunk? More() => null;

    /// <summary>After the last chunk: one of those still in flight, or null when there is none.</summary>
    LatentChunk? Flush();
}
