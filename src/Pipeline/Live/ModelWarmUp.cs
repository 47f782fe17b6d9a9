using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Decoding;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Runs a few black chunks through a stream of its own before the source is opened: the first time takes several times as long as all later ones, and a live run would
/// measure its delay by it.
/// </summary>
internal static class ModelWarmUp
{
    /// <param name="model">Loaded.</param>
    /// <param name="settings">How the stream will be denoised.</param>
    /// <param name="options">Its prompt.</param>
    /// <param name="size">Size of its pictures.</param>
    /// <param name="frames">Pool for the pictures.</param>
    public static void Run(LoadedModel model, SessionSettings settings, RestyleOptions options, (int Width, int Height) size, FramePool frames)
    {
        using var control = RunControl.For(options with { Timeline = null, Log = null }, null, () => throw new InvalidOperationException("a warm-up writes no log"));
        using var session = new RestyleStream(model, settings, options, control, TimeSpan.FromTicks, frames, _ => { });
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
