using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Polly;
using Polly.Retry;
using StreamDiff.Client;

namespace StreamDiff.Server.Webhooks;

/// <summary>Sends a webhook its events, one after the other, each until it arrives or has been tried often enough.</summary>
internal sealed class WebhookSender : IAsyncDisposable
{
    private const int MostWaiting = 1000;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _retry;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<StudioEvent> _waiting = Channel.CreateBounded<StudioEvent>(new BoundedChannelOptions(MostWaiting)
    {
        FullMode = BoundedChannelFullMode.DropOldest,
        SingleReader = true,
    });

    private readonly Task _work;
    private long _delivered;
    private long _failed;
    private volatile string? _problem;

    /// <param name="hook">The webhook.</param>
    /// <param name="http">Sends.</param>
    /// <param name="firstDelay">Before the second attempt; doubled with each.</param>
    /// <param name="time">The time.</param>
    public WebhookSender(Webhook hook, HttpClient http, TimeSpan firstDelay, TimeProvider time)
    {
        (Hook, _http, _time) = (hook, http, time);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 6,
                Delay = firstDelay,
                MaxDelay = TimeSpan.FromMinutes(1),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>(e => IsPassing(e.StatusCode)).Handle<TimeoutException>(),
            })
            .Build();
        _work = Task.Run(Work);
    }

    public Webhook Hook { get; }

    public (long Delivered, long Failed, string? Problem) State =>
        (Interlocked.Read(ref _delivered), Interlocked.Read(ref _failed), _problem);

    /// <summary>Sends it, if the webhook is for it. Never waits.</summary>
    public void Tell(StudioEvent happened)
    {
        if (Hook.Events.Contains(happened.Kind)
            && (Hook.Sessions is null || (happened.Session is { } session && Hook.Sessions.Contains(session))))
            _waiting.Writer.TryWrite(happened);
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        // The last words of a studio, such as that a session has ended, have a moment.
        if (await Task.WhenAny(_work, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false) != _work)
            await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task Work()
    {
        try
        {
            await foreach (var happened in _waiting.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
                await Deliver(happened).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The studio ends, or the webhook was deleted.
        }
    }

    private async Task Deliver(StudioEvent happened)
    {
        var body = JsonSerializer.Serialize(happened, StudioJson.Strict);
        try
        {
            await _retry.ExecuteAsync(async ct => await Post(happened, body, ct).ConfigureAwait(false), _stop.Token).ConfigureAwait(false);
            Interlocked.Increment(ref _delivered);
            _problem = null;
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException)
        {
            Interlocked.Increment(ref _failed);
            // Addresses may hold secrets.
            _problem = e is HttpRequestException { StatusCode: { } status } ? $"answered {(int)status}"
                : e is TimeoutException ? "did not answer in time" : "could not be reached";
        }
    }

    private async Task Post(StudioEvent happened, string body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Hook.Url)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add(WebhookSignature.Header, WebhookSignature.Sign(Hook.Secret, body, _time.GetUtcNow()));
        request.Headers.Add("StreamDiff-Event", happened.Kind);
        request.Headers.Add("StreamDiff-Delivery", happened.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(AnswerTime);
        try
        {
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token)
                .ConfigureAwait(false);
            answer.EnsureSuccessStatusCode();
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new TimeoutException();
        }
    }

    // What a receiver will refuse again is not sent again.
    private static bool IsPassing(HttpStatusCode? status) =>
        status is null or >= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;
}
