namespace StreamDiff.Models.Registry.Download;

/// <summary>How the downloader behaves when a server does not.</summary>
public sealed record DownloadOptions
{
    /// <summary>Environment variable for <see cref="Hubs"/>: addresses with commas or spaces between them.</summary>
    public const string HubVariable = "STREAMDIFF_HUB";

    /// <summary>
    /// Addresses used in place of https://huggingface.co, such as those of mirrors, tried in turn for each file. Default: those of the
    /// environment variable; none for the public address itself.
    /// </summary>
    public IReadOnlyList<string> Hubs { get; init; } = (Environment.GetEnvironmentVariable(HubVariable) ?? "").Split(
        [',', ' '], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Tries in a row that bring less than a megabyte before giving up. Default 6.</summary>
    public int Attempts { get; init; } = 6;

    /// <summary>Wait before the second try; doubled for each further one. Default one second.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait between tries, also when the server asks for more. Default 30 seconds.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Most bytes of a file whose size the manifest does not state; more is refused, whatever a server says. Default 128 GiB.
    /// </summary>
    public long MostUnstated { get; init; } = 128L << 30;

    /// <summary>A connection that brings nothing for so long counts as broken. Default 30 seconds.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>State of one file's download.</summary>
/// <param name="Bytes">There so far, those of earlier tries included.</param>
/// <param name="Total">Null while unknown.</param>
/// <param name="Retry">What went wrong when the download is about to be tried again; null otherwise.</param>
public readonly record struct DownloadProgress(long Bytes, long? Total, string? Retry = null);

/// <summary>What a finished download is worth.</summary>
/// <param name="Verified">False when neither manifest nor server states a hash: the bytes are what the server sent, no more is
/// known.</param>
public sealed record DownloadResult(string Path, long Bytes, string Sha256, bool Verified);

/// <summary>A file could not be downloaded; the message names the file and the address.</summary>
public sealed class DownloadException(string message, Exception? inner = null) : ModelException(message, inner!);
