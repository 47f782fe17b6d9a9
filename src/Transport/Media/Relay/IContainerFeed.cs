namespace StreamDiff.Transport.Media.Relay;

/// <summary>Some bytes of a stream that belong together.</summary>
/// <param name="Bytes">The bytes.</param>
/// <param name="IsKey">True where a reader may begin here.</param>
/// <param name="IsPreamble">True for what <see cref="IContainerFeed.Preamble"/> gives to everybody anyway.</param>
internal readonly record struct FeedPiece(byte[] Bytes, bool IsKey, bool IsPreamble);

/// <summary>Cuts a stream where readers may begin.</summary>
internal interface IContainerFeed
{
    /// <summary>What a reader is given before anything else.</summary>
    IEnumerable<byte[]> Preamble { get; }

    /// <summary>Cuts off what is whole.</summary>
    /// <param name="bytes">What has come and was not cut off yet.</param>
    /// <param name="pieces">Takes the pieces.</param>
    /// <returns>Bytes that were cut off.</returns>
    int Take(ReadOnlySpan<byte> bytes, List<FeedPiece> pieces);
}
