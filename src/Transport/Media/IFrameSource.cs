namespace StreamDiff.Transport.Media;

/// <summary>Where pictures and sound come from. Used by one thread at a time.</summary>
public interface IFrameSource : IDisposable
{
    VideoStreamInfo Video { get; }

    /// <summary>Null when there is no sound.</summary>
    AudioStreamInfo? Audio { get; }

    SourceStatistics Statistics { get; }

    /// <summary>The next picture or packet of sound, in the order of the file; waits for it. Null at the end.</summary>
    /// <exception cref="MediaException">The source broke.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    MediaUnit? Read(CancellationToken cancellation);
}
