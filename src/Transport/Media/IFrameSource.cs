namespace StreamDiff.Transport.Media;

/// <summary>Yields the pictures and sound packets of one input in the order in which they are stored. One thread at a time.</summary>
public interface IFrameSource : IDisposable
{
    /// <summary>The pictures that <see cref="Read"/> yields.</summary>
    VideoStreamInfo Video { get; }

    /// <summary>The sound, null when there is none. Belongs to the source.</summary>
    AudioStreamInfo? Audio { get; }

    /// <summary>What has been read so far, and what was wrong with it.</summary>
    SourceStatistics Statistics => SourceStatistics.Empty;

    /// <summary>The next frame or packet, which the caller disposes; null at the end. Blocks.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    MediaUnit? Read(CancellationToken ct);
}
