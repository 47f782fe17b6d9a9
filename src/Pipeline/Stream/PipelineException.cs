namespace StreamDiff.Pipeline.Stream;

/// <summary>A fault inside the pipeline: not the user's mistake. Names where it happened.</summary>
/// <param name="stage">Stage that failed.</param>
/// <param name="chunk">Chunk it was working on.</param>
/// <param name="inner">The fault itself.</param>
public sealed class PipelineException(string stage, long chunk, Exception inner)
    : Exception($"the {stage} stage failed at chunk {chunk}: {inner.Message.Split('\n')[0]}", inner)
{
    public string Stage => stage;

    public long Chunk => chunk;
}
