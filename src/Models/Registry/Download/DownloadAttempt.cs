using System.Diagnostics;
using System.Net;

namespace StreamDiff.Models.Registry.Download;

/// <summary>How one try ended: with the file, or with a problem that may pass. A problem that will not pass is an exception.</summary>
internal readonly record struct AttemptOutcome(DownloadResult? Result, string? Problem, TimeSpan? Wait = null);

/// <summary>Asks a server for the rest of one file, and refuses what cannot be right.</summary>
internal sealed class DownloadAttempt(
    HttpClient client, DownloadOptions options, ModelFile file, Uri address, PartFile part, IProgress<DownloadProgress>? progress)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(100);

    private const long LeastFree = 256 << 20;

    private readonly byte[] _buffer = new byte[256 << 10];
    private readonly long _found = part.Length;
    private string? _hash = file.Sha256;
    private bool _restarted;

    public required Func<string, long> FreeBytes { get; init; }

    public Uri Address => address;

    public string Name => file.Path;

    /// <summary>Length of the whole file; null while unknown.</summary>
    public long? Total { get; private set; } = file.Size;

    private long Most => file.Size ?? options.MostUnstated;

    private DownloadException TooMuch() =>
        new($"{file.Path}: {address} sends more than {ByteSize.Text(Most)}, the most that is taken where a manifest states no size; "
            + "nothing was kept");

    public string Advice => part.Length == 0 ? "check the connection and run the same command again"
        : _hash is not null || part.TagFrom(address) is not null ? "run the same command again, it goes on where it stopped"
        : "run the same command again; it begins anew, because the server tells neither a sha256 nor a strong ETag of this file";

    public async Task<AttemptOutcome> Run(CancellationToken cancellation)
    {
        if (Total is { } total && part.Length > total)
            part.Restart();
        if (Total == part.Length && _hash is not null && part.Length > 0)
            return Verify();
        try
        {
            using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            stall.CancelAfter(options.Stall);
            // What a hash can tell at the end needs no tag, which another machine behind the same address may count otherwise.
            var tag = _hash is null && part.Length > 0 ? part.TagFrom(address) : null;
            using var response = await HubRequest.Get(client, address, part.Length, tag, stall.Token).ConfigureAwait(false);
            return await Receive(response, tag, stall).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Problem($"nothing came for {options.Stall.TotalSeconds:0.#} s");
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException or IOException)
        {
            return Problem(Describe(e));
        }
    }

    private async Task<AttemptOutcome> Receive(HubResponse response, string? tag, CancellationTokenSource stall)
    {
        if (Refusal(response.Message) is { } refused)
            return refused;
        LearnWhole(response);
        // Something else in the file's place, such as a page to log in at, must not cost what is here and can be compared.
        if (IsWorthMore && response.Message.StatusCode == HttpStatusCode.OK && StatedBy(response) is null)
            return Problem("the server sends something of no stated size instead of the rest");
        // Without a hash only the server's tag can tell whether the beginning belongs to this version of the file.
        var isKnown = _hash is not null || (tag is not null && StrongTag(response.Message) == tag);
        if (part.Length > 0 && !(isKnown && ContinuesPart(response.Message)))
        {
            part.Restart();
            if (response.Message.StatusCode == HttpStatusCode.PartialContent)
                return new AttemptOutcome(null, "the beginning does not fit, starting again", TimeSpan.Zero);
        }
        CheckRoom();
        if (part.Length == 0 && _hash is null && StrongTag(response.Message) is { } strong)
            part.Remember(address, strong);
        await Copy(response.Message, stall).ConfigureAwait(false);
        return Total is null || part.Length == Total ? Verify() : Problem($"the connection ended after {part.Length} of {Total} bytes");
    }

    // What the answer says about the whole file: it must agree with the manifest.
    private void LearnWhole(HubResponse response)
    {
        var stated = StatedBy(response);
        if (stated is { } size && Total is { } total && size != total)
            throw new DownloadException(
                $"{file.Path}: {address} offers {size} bytes where {total} are expected; the address may lead to a login page or another "
                    + "version");
        Total ??= stated;
        if (Total > Most)
            throw TooMuch();
        _hash ??= response.Sha256;
    }

    private static long? StatedBy(HubResponse response) => response.Size
        ?? (response.Message.StatusCode == HttpStatusCode.PartialContent
            ? response.Message.Content.Headers.ContentRange?.Length
            : response.Message.Content.Headers.ContentLength);

    // A beginning that will be compared with the whole file's hash.
    private bool IsWorthMore => file.Sha256 is not null && part.Length > 0 && part.Length < Total;

    // A weak one may be that of other bytes (RFC 9110, 8.8.1).
    private static string? StrongTag(HttpResponseMessage message) =>
        message.Headers.ETag is { IsWeak: false } tag ? tag.ToString() : null;

    private bool ContinuesPart(HttpResponseMessage message) =>
        message.StatusCode == HttpStatusCode.PartialContent && message.Content.Headers.ContentRange?.From == part.Length;

    private void CheckRoom()
    {
        if (Total is not { } total)
            return;
        var folder = Path.GetDirectoryName(Path.GetFullPath(part.Path))!;
        var free = FreeBytes(folder);
        if (free < total - part.Length)
            throw new DownloadException(
                $"{file.Path} needs {ByteSize.Text(total - part.Length)} more, but the disk of {folder} has {ByteSize.Text(free)} free");
    }

    private async Task Copy(HttpResponseMessage message, CancellationTokenSource stall)
    {
        await using var body = await message.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        var lastReport = Stopwatch.GetTimestamp();
        while (true)
        {
            stall.CancelAfter(options.Stall);
            var count = await body.ReadAsync(_buffer, stall.Token).ConfigureAwait(false);
            if (count == 0)
                break;
            if (part.Length + count > Total)
            {
                part.Discard();
                throw new DownloadException($"{file.Path}: {address} sends more than the {Total} bytes expected; nothing was kept");
            }
            if (part.Length + count > Most)
            {
                part.Discard();
                throw TooMuch();
            }
            // Where no length is stated, the disk says when it is too much, with something left for others.
            if (Total is null && FreeBytes(Path.GetDirectoryName(Path.GetFullPath(part.Path))!) < LeastFree)
            {
                part.Discard();
                throw new DownloadException($"{file.Path}: {address} states no size and fills the disk; nothing was kept");
            }
            part.Append(_buffer.AsSpan(0, count));
            if (Stopwatch.GetElapsedTime(lastReport) < ReportEvery)
                continue;
            progress?.Report(new DownloadProgress(part.Length, Total));
            lastReport = Stopwatch.GetTimestamp();
        }
        progress?.Report(new DownloadProgress(part.Length, Total));
    }

    private AttemptOutcome Verify()
    {
        var hash = part.Hash();
        if (_hash is null || hash == _hash)
            return new AttemptOutcome(new DownloadResult("", part.Length, hash, _hash is not null), null);
        // The beginning that was found on disk may be the wrong part: one clean try before the server is blamed.
        if (_found > 0 && !_restarted)
        {
            _restarted = true;
            part.Restart();
            return new AttemptOutcome(null, "the beginning on disk was damaged, starting again", TimeSpan.Zero);
        }
        part.Discard();
        throw new DownloadException(
            $"{file.Path}: {address} sent wrong bytes (sha256 {hash[..12]}... instead of {_hash[..12]}...); nothing was kept");
    }

    private AttemptOutcome? Refusal(HttpResponseMessage message)
    {
        var code = (int)message.StatusCode;
        switch (code)
        {
            case 200 or 206:
                return null;
            case 416 when IsWorthMore:
                throw new DownloadException(
                    $"{file.Path}: {address} has no more than the {part.Length} bytes that are here, of {Total}: it is another version; "
                        + $"what is here is kept for other addresses, delete {part.Path} to begin again");
            case 416 when part.Length > 0:
                part.Restart();
                return new AttemptOutcome(null, "the server has no more than what is here, starting again", TimeSpan.Zero);
            case 408 or 429 or >= 500:
                return new AttemptOutcome(null, $"the server answers {code} ({message.ReasonPhrase})", RetryAfter(message));
            default:
                var reason = code switch
                {
                    401 or 403 => "access is refused: the file may need a login, or a mirror set with STREAMDIFF_HUB",
                    404 or 410 => "there is no such file",
                    _ => message.ReasonPhrase ?? "unexpected answer",
                };
                throw new DownloadException($"{file.Path}: {address} answers {code}: {reason}");
        }
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage message) => message.Headers.RetryAfter?.Delta;

    private static AttemptOutcome Problem(string text) => new(null, text);

    private static string Describe(Exception e) => e switch
    {
        HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded } => "the connection broke off",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => "the server's name is not known (no network?)",
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => "no connection to the server",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "no secure connection to the server",
        HttpRequestException { InnerException: { } inner } => inner.Message.ReplaceLineEndings(" "),
        _ => e.Message.ReplaceLineEndings(" "),
    };
}
