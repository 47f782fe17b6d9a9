using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>Lengths of glides and blends, which are given in seconds or beats and taken in chunks.</summary>
internal static class ChangeLengths
{
    /// <summary>
    /// The same change with its length in chunks, as it takes effect. Seconds and beats are those of this chunk: what comes after it is not
    /// known yet, and a replay must not need to.
    /// </summary>
    /// <param name="change">As it was given.</param>
    /// <param name="span">The chunk with which it takes effect.</param>
    /// <param name="bpm">Beats a minute there.</param>
    public static ControlChange InChunks(ControlChange change, ChunkSpan span, double bpm) => change switch
    {
        PromptChange { Over: { } over } prompt => Chunks(over, span, bpm) is var n && n > 1
            ? prompt with { BlendChunks = n, Over = null }
            : prompt with { BlendChunks = 1, Over = null, Kind = BlendKind.Linear, Easing = Easing.Linear },
        NumberChange { Glide: { IsNone: false } glide } number => number with
        {
            Glide = Glide.Of(Chunks(glide.Over, span, bpm), glide.Easing),
        },
        _ => change,
    };

    private static int Chunks(ControlLength length, ChunkSpan span, double bpm)
    {
        var seconds = length.Unit switch
        {
            LengthUnit.Seconds => length.Value,
            LengthUnit.Beats => 60 / bpm * length.Value,
            _ => 0,
        };
        if (seconds == 0)
            return (int)length.Value;
        var frame = span.Length.TotalSeconds / (span.LastFrame - span.FirstFrame + 1);
        return frame <= 0 ? 1 : (int)Math.Clamp(Math.Round(seconds / (frame * Chunker.FramesPerLatent)), 1, ControlLine.LongestBlend);
    }
}
