namespace StreamDiff.Transport.Media.Opening;

/// <summary>A source that takes something else with it when it is disposed.</summary>
internal sealed class OwningSource(IFrameSource source, IDisposable owned) : IFrameSource
{
    public VideoStreamInfo Video => source.Video;

    public AudioStreamInfo? Audio => source.Audio;

    public SourceStatistics Statistics => source.Statistics;

    public MediaUnit? Read(CancellationToken ct) => source.Read(ct);

    public void Dispose()
    {
        source.Dispose();
        owned.Dispose();
    }
}
