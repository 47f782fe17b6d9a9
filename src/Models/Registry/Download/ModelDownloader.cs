using System.Net;

namespace StreamDiff.Models.Registry.Download;

/// <summary>
/// Downloads a model's files: goes on where an earlier try stopped, where a hash or the server's strong entity tag tells that it is the
/// same file, and gives a file its name only when its bytes have been checked.
/// What is unfinished stays beside it as <c>.part</c>, also after cancellation; what is wrong is deleted.
/// </summary>
public sealed class ModelDownloader : IDisposable
{
    private readonly DownloadOptions _options;
    private readonly HttpClient _client;

    public ModelDownloader(DownloadOptions? options = null)
    {
        _options = options ?? new DownloadOptions();
        foreach (var hub in _options.Hubs)
            if (!IsHub(hub))
                throw new DownloadException($"{DownloadOptions.HubVariable} must be http or https addresses, not '{hub}'");
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = _options.Stall,
            AutomaticDecompression = DecompressionMethods.None,
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>True for an address that files can be had from.</summary>
    public static bool IsHub(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    /// <summary>Opens the unfinished file; a test puts a disk without room here.</summary>
    internal Func<string, Stream> OpenPart { get; init; } = PartFile.OpenStream;

    /// <summary>Free bytes of a folder's disk; a test puts a small disk here.</summary>
    internal Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>Downloads one file to <paramref name="target"/>. Progress comes at most ten times a second, from any thread.</summary>
    /// <exception cref="DownloadException">It cannot be had; one line with the file, the address and what to do.</exception>
    public async Task<DownloadResult> Download(
        ModelFile file, string target, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default)
    {
        var addresses = HubRequest.Addresses(
            file.Url ?? throw new DownloadException($"{file.Path} has no address: it comes with the program"), _options.Hubs);
        for (var i = 0; ; i++)
        {
            try
            {
                // While there are others, nobody waits long for one that is away.
                var options = i + 1 == addresses.Count ? _options : _options with { Attempts = Math.Min(_options.Attempts, 2) };
                return await From(addresses[i], options, file, target, progress, cancellation).ConfigureAwait(false);
            }
            catch (DownloadException e) when (i + 1 < addresses.Count)
            {
                progress?.Report(new DownloadProgress(0, file.Size, $"{e.Message}; {addresses[i + 1].Host} is next"));
            }
        }
    }

    // What an address before this one has brought is kept where a hash can tell whether it belongs to the file: a tag is an address's own.
    private async Task<DownloadResult> From(
        Uri address, DownloadOptions options, ModelFile file, string target, IProgress<DownloadProgress>? progress,
        CancellationToken cancellation)
    {
        using var part = PartFile.Open(target + ModelFiles.PartSuffix, OpenPart, cancellation);
        var attempt = new DownloadAttempt(_client, options, file, address, part, progress) { FreeBytes = FreeBytes };
        var result = await WithRetries(attempt, part, options, progress, cancellation).ConfigureAwait(false);
        part.MoveTo(target);
        if (file.Sha256 is null)
            ModelFiles.Record(target, result.Sha256);
        return result with { Path = target };
    }

    public void Dispose() => _client.Dispose();

    private async Task<DownloadResult> WithRetries(
        DownloadAttempt attempt, PartFile part, DownloadOptions options, IProgress<DownloadProgress>? progress,
        CancellationToken cancellation)
    {
        const long WorthAnotherTry = 1 << 20;
        var failures = 0;
        while (true)
        {
            var before = part.Length;
            var outcome = await attempt.Run(cancellation).ConfigureAwait(false);
            if (outcome.Result is { } result)
                return result;
            failures = part.Length - before >= WorthAnotherTry ? 1 : failures + 1;
            if (failures >= options.Attempts)
                throw new DownloadException(
                    $"{attempt.Name} could not be downloaded from {attempt.Address}: {outcome.Problem} ({failures} tries); "
                        + $"{attempt.Advice}");
            progress?.Report(new DownloadProgress(part.Length, attempt.Total, outcome.Problem));
            await Task.Delay(Wait(failures, outcome.Wait), cancellation).ConfigureAwait(false);
        }
    }

    private TimeSpan Wait(int failures, TimeSpan? asked)
    {
        var wait = asked ?? _options.FirstWait * Math.Pow(2, failures - 1);
        return wait < _options.LongestWait ? wait : _options.LongestWait;
    }
}
