using StreamDiff.Pipeline.Decoding;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Encoding;

namespace StreamDiff.Pipeline;

/// <summary>The stages of one stream that compute, in this process or spread over ranks. Each is used by one thread.</summary>
public interface IRestyleStream : IDisposable
{
    IChunkEncoder Encoder { get; }

    IChunkDenoiser Denoiser { get; }

    ChunkDecoder Decoder { get; }
}
