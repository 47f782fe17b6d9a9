using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Runs a few black chunks through a stream of its own before the source is opened: the first time takes several times as long as all later ones, and a live run would
/// measure its delay by it.
/// </summary>
internal static class ModelWarmUp
{
    /// <param name="models">Networks.</param>
    /// <param name="settings">How the stream will be denoised.</param>
    /// <param name="prompt">Its prompt.</param>
    /// <param name="size">Size of its pictures.</param>
    /// <param name="frames">Pool for the pictures.</param>
    public static void Run(ModelBundle models, SessionSettings settings, string prompt, (int Width, int Height) size, FramePool frames)
    {
        using var session = new StreamSession(models, settings, models.EncodePrompt(prompt, out _), new SeededNoise(0, models.Transformer.Device), frames);
        using var chunker = settings.CreateChunker();
        // Until the first chunk has come out at the other end, and one more.
        for (var decoded = 0; decoded < 2;)
        {
            var black = VideoFrame.Rent(frames, size.Width, size.Height);
            black.Pixels.Clear();
            if (chunker.Add(black) is not { } chunk)
                continue;
            using (chunk)
            {
                using var latents = session.Encoder.Encode(chunk);
                using var clean = session.Denoiser.Next(latents);
                if (clean is null)
                    continue;
                using var batch = new FrameBatch(clean.Index, session.Decoder.Decode(clean));
                decoded++;
            }
        }
    }
}
