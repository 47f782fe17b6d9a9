using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace StreamDiff.Client;

/// <summary>
/// Starts, steers and watches the sessions of a studio. Every method throws a <see cref="StudioException"/> where the studio refuses, and
/// an <see cref="HttpRequestException"/> where it cannot be reached. All members may be used from any thread.
/// </summary>
public sealed class StudioClient : IDisposable
{
    private const string Root = "api/v1/";

    private readonly HttpClient _http;

    /// <param name="address">The studio's, such as <c>http://127.0.0.1:8188/</c>.</param>
    /// <param name="key">An API key; null where none is needed.</param>
    /// <param name="handler">How requests are sent; null for the usual way.</param>
    public StudioClient(Uri address, string? key = null, HttpMessageHandler? handler = null)
    {
        // Opening a session takes as long as its prompt; the caller's token ends a wait.
        _http = new HttpClient(handler ?? new SocketsHttpHandler()) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        if (key is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public Task<StudioStatus> GetStatus(CancellationToken ct = default) => Get<StudioStatus>("status", ct);

    public Task<CallerInfo> GetCaller(CancellationToken ct = default) => Get<CallerInfo>("me", ct);

    public Task<IReadOnlyList<ModelInfo>> GetModels(CancellationToken ct = default) => Get<IReadOnlyList<ModelInfo>>("models", ct);

    public Task<IReadOnlyList<SessionInfo>> GetSessions(CancellationToken ct = default) =>
        Get<IReadOnlyList<SessionInfo>>("sessions", ct);

    public Task<SessionInfo> GetSession(string name, CancellationToken ct = default) => Get<SessionInfo>(Session(name), ct);

    /// <summary>Begins a session; returns when it is open. The same description once more returns the session that is there.</summary>
    public Task<SessionInfo> StartSession(NewSession session, CancellationToken ct = default) =>
        Send<SessionInfo>(HttpMethod.Post, "sessions", session, ct: ct);

    /// <summary>Changes a session's settings.</summary>
    /// <param name="name">The session.</param>
    /// <param name="changes">What is to change.</param>
    /// <param name="version">Changes nothing where the session has another version by now; null changes it in any case.</param>
    /// <param name="ct">Ends the wait.</param>
    public Task<SessionInfo> ChangeSession(string name, ControlRequest changes, long? version = null, CancellationToken ct = default) =>
        Send<SessionInfo>(HttpMethod.Patch, Session(name), changes, version, ct);

    /// <summary>Steers a session.</summary>
    /// <param name="name">The session.</param>
    /// <param name="changes">What is to change.</param>
    /// <param name="wait">True returns when the changes have taken effect.</param>
    /// <param name="version">Changes nothing where the session has another version by now; null changes it in any case.</param>
    /// <param name="ct">Ends the wait.</param>
    public Task<ControlReply> Control(
        string name, ControlRequest changes, bool wait = false, long? version = null, CancellationToken ct = default) =>
        Send<ControlReply>(HttpMethod.Post, $"{Session(name)}/controls{(wait ? "?wait=true" : "")}", changes, version, ct);

    /// <summary>Stops a session; returns when its outputs are closed.</summary>
    public Task StopSession(string name, CancellationToken ct = default) => Send(HttpMethod.Delete, Session(name), ct);

    /// <summary>The frame that the session sent last.</summary>
    /// <param name="name">The session.</param>
    /// <param name="isPng">True for PNG, false for JPEG.</param>
    /// <param name="ct">Ends the wait.</param>
    public async Task<byte[]> GetSnapshot(string name, bool isPng = false, CancellationToken ct = default)
    {
        using var answer = await Answer(
            new HttpRequestMessage(HttpMethod.Get, $"{Root}{Session(name)}/snapshot?format={(isPng ? "png" : "jpeg")}"), ct)
            .ConfigureAwait(false);
        return await answer.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<RecordingInfo>> GetRecordings(string session, CancellationToken ct = default) =>
        Get<IReadOnlyList<RecordingInfo>>($"{Session(session)}/recordings", ct);

    public Task<RecordingInfo> StartRecording(string session, NewRecording? recording = null, CancellationToken ct = default) =>
        Send<RecordingInfo>(HttpMethod.Post, $"{Session(session)}/recordings", recording ?? new NewRecording(), ct: ct);

    /// <summary>Ends a recording; returns when its file is complete.</summary>
    public Task<RecordingInfo> StopRecording(string session, string id, CancellationToken ct = default) =>
        Send<RecordingInfo>(HttpMethod.Post, $"{Session(session)}/recordings/{Uri.EscapeDataString(id)}/stop", null, ct: ct);

    /// <summary>A recording's file; the caller's to dispose.</summary>
    public Task<Stream> DownloadRecording(string session, string id, CancellationToken ct = default) =>
        Download($"{Session(session)}/recordings/{Uri.EscapeDataString(id)}", ct);

    /// <summary>A session's log; the caller's to dispose.</summary>
    public Task<Stream> DownloadLog(string session, CancellationToken ct = default) => Download($"{Session(session)}/log", ct);

    /// <summary>All replays, the oldest first.</summary>
    public Task<IReadOnlyList<ReplayInfo>> GetReplays(CancellationToken ct = default) => Get<IReadOnlyList<ReplayInfo>>("replays", ct);

    public Task<ReplayInfo> StartReplay(NewReplay replay, CancellationToken ct = default) =>
        Send<ReplayInfo>(HttpMethod.Post, "replays", replay, ct: ct);

    public Task<ReplayInfo> GetReplay(string id, CancellationToken ct = default) =>
        Get<ReplayInfo>($"replays/{Uri.EscapeDataString(id)}", ct);

    public Task StopReplay(string id, CancellationToken ct = default) =>
        Send(HttpMethod.Delete, $"replays/{Uri.EscapeDataString(id)}", ct);

    /// <summary>What a replay has written; the caller's to dispose.</summary>
    public Task<Stream> DownloadReplay(string id, CancellationToken ct = default) =>
        Download($"replays/{Uri.EscapeDataString(id)}/file", ct);

    public Task<IReadOnlyList<Preset>> GetPresets(CancellationToken ct = default) => Get<IReadOnlyList<Preset>>("presets", ct);

    /// <summary>Keeps a preset under its name.</summary>
    /// <param name="preset">The preset.</param>
    /// <param name="version">Keeps nothing where another version is there by now; null in any case.</param>
    /// <param name="ct">Ends the wait.</param>
    public Task<Preset> PutPreset(Preset preset, long? version = null, CancellationToken ct = default) =>
        Send<Preset>(HttpMethod.Put, $"presets/{Uri.EscapeDataString(preset.Name)}", preset, version, ct);

    public Task DeletePreset(string name, CancellationToken ct = default) =>
        Send(HttpMethod.Delete, $"presets/{Uri.EscapeDataString(name)}", ct);

    public Task<IReadOnlyList<WebhookInfo>> GetWebhooks(CancellationToken ct = default) =>
        Get<IReadOnlyList<WebhookInfo>>("webhooks", ct);

    public Task<WebhookInfo> PutWebhook(string name, NewWebhook webhook, CancellationToken ct = default) =>
        Send<WebhookInfo>(HttpMethod.Put, $"webhooks/{Uri.EscapeDataString(name)}", webhook, ct: ct);

    public Task DeleteWebhook(string name, CancellationToken ct = default) =>
        Send(HttpMethod.Delete, $"webhooks/{Uri.EscapeDataString(name)}", ct);

    /// <summary>Events as they happen, until the studio ends or somebody cancels.</summary>
    /// <param name="session">Those of one session; null for all.</param>
    /// <param name="after">Begins with those after this one, as far as they are still known; null for new ones only.</param>
    /// <param name="ct">Ends it.</param>
    public async IAsyncEnumerable<StudioEvent> GetEvents(
        string? session = null, long? after = null, [EnumeratorCancellation] CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, $"{Root}events{(session is null ? "" : $"?session={Uri.EscapeDataString(session)}")}");
        if (after is { } id)
            request.Headers.Add("Last-Event-ID", id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var answer = await Answer(request, ct, HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
        var stream = await answer.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        await using var _ = stream.ConfigureAwait(false);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(ct).ConfigureAwait(false))
            if (item.EventType == "event")
                yield return JsonSerializer.Deserialize<StudioEvent>(item.Data, StudioJson.Lenient)!;
    }

    public void Dispose() => _http.Dispose();

    private static string Session(string name) => $"sessions/{Uri.EscapeDataString(name)}";

    private async Task<Stream> Download(string path, CancellationToken ct)
    {
        var answer = await Answer(new HttpRequestMessage(HttpMethod.Get, Root + path), ct, HttpCompletionOption.ResponseHeadersRead)
            .ConfigureAwait(false);
        return await answer.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
    }

    private async Task<T> Get<T>(string path, CancellationToken ct)
    {
        using var answer = await Answer(new HttpRequestMessage(HttpMethod.Get, Root + path), ct).ConfigureAwait(false);
        return (await answer.Content.ReadFromJsonAsync<T>(StudioJson.Lenient, ct).ConfigureAwait(false))!;
    }

    private async Task<T> Send<T>(HttpMethod method, string path, object? body, long? version = null, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(method, Root + path);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: StudioJson.Strict);
        if (version is { } wanted)
            request.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{wanted}\""));
        using var answer = await Answer(request, ct).ConfigureAwait(false);
        return (await answer.Content.ReadFromJsonAsync<T>(StudioJson.Lenient, ct).ConfigureAwait(false))!;
    }

    private async Task Send(HttpMethod method, string path, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, Root + path);
        using var answer = await Answer(request, ct).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> Answer(
        HttpRequestMessage request, CancellationToken ct, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        var answer = await _http.SendAsync(request, completion, ct).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw new StudioException(answer.StatusCode, await ReadProblem(answer, ct).ConfigureAwait(false));
    }

    private static async Task<Problem?> ReadProblem(HttpResponseMessage answer, CancellationToken ct)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            return null;
        try
        {
            return await answer.Content.ReadFromJsonAsync<Problem>(StudioJson.Lenient, ct).ConfigureAwait(false);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
