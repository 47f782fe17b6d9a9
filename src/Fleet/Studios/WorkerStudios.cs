using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Orleans;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Fleet.Studios;

/// <summary>
/// The studios of a fleet's workers, and the logs and recordings that lie there: whoever needs one asks all of them, so that nobody need
/// keep a list of what others have on their disks. All members may be used from any thread.
/// </summary>
/// <param name="grains">The fleet.</param>
/// <param name="key">What opens workers.</param>
/// <param name="self">The worker that asks, which looks on its own disk itself; null for a front.</param>
internal sealed class WorkerStudios(IGrainFactory grains, string key, string? self = null) : ISessionFiles, IDisposable
{
    // Of a worker that is stopped, or cut off, nobody should wait for long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private const int PartBytes = 1 << 16;

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = Patience })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
    };

    private readonly ConcurrentDictionary<Uri, StudioClient> _clients = new();

    /// <summary>A file of which nothing comes for so long is given up. Default 5 s.</summary>
    public TimeSpan MostSilence { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Workers that are heard of, without the one that asks.</summary>
    public async Task<IReadOnlyList<WorkerView>> Workers() =>
        [.. (await grains.GetGrain<IFleetGrain>(0).Workers().ConfigureAwait(false)).Where(w => w.Summary.Name != self)];

    /// <summary>A worker's studio.</summary>
    public StudioClient Of(WorkerSummary worker) => _clients.GetOrAdd(worker.Address, address => new StudioClient(
        address, key, new SocketsHttpHandler { UseProxy = false, ConnectTimeout = Patience }));

    /// <summary>Where a worker is reached, and what opens it.</summary>
    public SessionPlace PlaceOf(WorkerSummary worker) => new(worker.Address, key);

    /// <summary>What each of the workers says; who does not answer in time is left out.</summary>
    public async Task<IReadOnlyList<(WorkerSummary Worker, T Answer)>> Ask<T>(Func<WorkerSummary, CancellationToken, Task<T?>> question)
        where T : class =>
        await Ask((await Workers().ConfigureAwait(false)).Select(w => w.Summary), question).ConfigureAwait(false);

    public async Task<IReadOnlyList<FoundFile>> Find(string session, string file)
    {
        var found = await Ask((worker, ct) => Look(worker, session, file, ct)).ConfigureAwait(false);
        return [.. found.Select(f => f.Answer).OrderByDescending(f => f.Changed).ThenBy(f => f.Worker, StringComparer.Ordinal)];
    }

    /// <summary>The same of one worker; null where it has none.</summary>
    public async Task<FoundFile?> Find(WorkerSummary worker, string session, string file) =>
        await Ask([worker], (asked, ct) => Look(asked, session, file, ct)).ConfigureAwait(false) is [var found] ? found.Answer : null;

    public async Task Copy(FoundFile file, string to, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            patience.CancelAfter(MostSilence);
            using var answer = await _http
                .GetAsync(new Uri(file.Place.Address, file.Path), HttpCompletionOption.ResponseHeadersRead, patience.Token)
                .ConfigureAwait(false);
            _ = answer.EnsureSuccessStatusCode();
            using var from = await answer.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
            using var target = new FileStream(to, FileMode.Create, FileAccess.Write);
            var part = new byte[PartBytes];
            while (await Read(from, part, patience.Token).ConfigureAwait(false) is var bytes and > 0)
            {
                await target.WriteAsync(part.AsMemory(0, bytes), ct).ConfigureAwait(false);
                patience.CancelAfter(MostSilence);
            }
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            var why = e is HttpRequestException
                ? e.Message.TrimEnd('.')
                : string.Create(CultureInfo.InvariantCulture, $"nothing came for {MostSilence.TotalSeconds:0.#} s");
            throw new RefusedException(
                StatusCodes.Status503ServiceUnavailable, $"worker {file.Worker} does not give {file.Path}: {why}");
        }
    }

    // What the disk here throws is another matter.
    private static async Task<int> Read(Stream from, byte[] part, CancellationToken ct)
    {
        try
        {
            return await from.ReadAsync(part, ct).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        foreach (var client in _clients.Values)
            client.Dispose();
    }

    private static async Task<IReadOnlyList<(WorkerSummary Worker, T Answer)>> Ask<T>(
        IEnumerable<WorkerSummary> workers, Func<WorkerSummary, CancellationToken, Task<T?>> question)
        where T : class
    {
        using var patience = new CancellationTokenSource(Patience);
        var answers = await Task.WhenAll(workers.Select(async worker =>
        {
            try
            {
                return (worker, Answer: await question(worker, patience.Token).ConfigureAwait(false));
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or StudioException)
            {
                return (worker, Answer: null);
            }
        })).ConfigureAwait(false);
        return [.. answers.Where(a => a.Answer is not null).Select(a => (a.worker, a.Answer!))];
    }

    private async Task<FoundFile?> Look(WorkerSummary worker, string session, string file, CancellationToken ct)
    {
        var path = $"/api/v1/sessions/{Uri.EscapeDataString(session)}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}";
        using var answer = await _http.GetAsync(new Uri(worker.Address, path), HttpCompletionOption.ResponseHeadersRead, ct)
            .ConfigureAwait(false);
        return answer.StatusCode == HttpStatusCode.OK
            ? new FoundFile(worker.Name, PlaceOf(worker), path, answer.Content.Headers.LastModified ?? DateTimeOffset.MinValue)
            : null;
    }
}
