using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Storage;

namespace StreamDiff.Server.Webhooks;

/// <summary>All webhooks of a studio. All members may be used from any thread.</summary>
internal sealed class WebhookDesk : IAsyncDisposable
{
    private const int Most = 50;
    private const int ShortestSecret = 16;

    private readonly Lock _gate = new();
    private readonly JsonFile<Webhook> _file;
    private readonly List<WebhookSender> _senders = [];
    private readonly HttpClient _http = new(
        new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly TimeSpan _firstDelay;
    private readonly TimeProvider _time;
    private readonly Listening _listening;
    private readonly Task _work;

    /// <param name="events">What they are told of.</param>
    /// <param name="file">Where they are kept.</param>
    /// <param name="firstDelay">Before the second attempt to deliver.</param>
    /// <param name="time">The time.</param>
    public WebhookDesk(EventFeed events, JsonFile<Webhook> file, TimeSpan firstDelay, TimeProvider time)
    {
        (_file, _firstDelay, _time) = (file, firstDelay, time);
        _senders.AddRange(file.Items.Select(Sender));
        _listening = events.Listen();
        _work = Task.Run(Work);
    }

    public IReadOnlyList<WebhookInfo> All
    {
        get
        {
            lock (_gate)
                return [.. _senders.Select(s => Info(s))];
        }
    }

    /// <summary>Keeps a webhook under its name; its secret is told this once where it was made here.</summary>
    /// <exception cref="RefusedException">It is of no use.</exception>
    public async Task<WebhookInfo> Put(string name, NewWebhook webhook)
    {
        Check(webhook);
        WebhookSender? old;
        WebhookSender sender;
        bool isMade;
        lock (_gate)
        {
            old = _senders.Find(s => s.Hook.Name == name);
            if (old is null && _senders.Count >= Most)
                throw new RefusedException(StatusCodes.Status409Conflict, $"there are {Most} webhooks already");
            isMade = webhook.Secret is null && old is null;
            var hook = new Webhook(
                StudioFolder.Checked(name, "webhook"), webhook.Url,
                webhook.Secret ?? old?.Hook.Secret ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
                webhook.Events ?? EventKinds.ForWebhooks, webhook.Sessions);
            _file.Change(all =>
            {
                all.RemoveAll(h => h.Name == name);
                all.Add(hook);
                return true;
            });
            sender = Sender(hook);
            if (old is not null)
                _senders.Remove(old);
            _senders.Add(sender);
        }
        if (old is not null)
            await old.DisposeAsync().ConfigureAwait(false);
        return Info(sender) with { Secret = isMade ? sender.Hook.Secret : null };
    }

    /// <summary>Deletes a webhook.</summary>
    /// <exception cref="RefusedException">There is none of that name.</exception>
    public async Task Delete(string name)
    {
        WebhookSender sender;
        lock (_gate)
        {
            sender = _senders.Find(s => s.Hook.Name == name) ?? throw RefusedException.NotFound($"there is no webhook named {name}");
            _file.Change(all => all.RemoveAll(h => h.Name == name));
            _senders.Remove(sender);
        }
        await sender.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _listening.Dispose();
        await _work.ConfigureAwait(false);
        List<WebhookSender> senders;
        lock (_gate)
            senders = [.. _senders];
        await Task.WhenAll(senders.Select(s => s.DisposeAsync().AsTask())).ConfigureAwait(false);
        _http.Dispose();
    }

    private async Task Work()
    {
        await foreach (var happened in _listening.Events.ReadAllAsync().ConfigureAwait(false))
            lock (_gate)
                foreach (var sender in _senders)
                    sender.Tell(happened);
    }

    private static void Check(NewWebhook webhook)
    {
        var problems = new List<FieldProblem>();
        if (!Uri.TryCreate(webhook.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            problems.Add(new FieldProblem("url must be an http:// or https:// address", "url"));
        foreach (var kind in (webhook.Events ?? []).Except(EventKinds.All))
            problems.Add(new FieldProblem($"events has no kind '{kind}': there are {string.Join(", ", EventKinds.All)}", "events"));
        if (webhook.Secret is { Length: < ShortestSecret })
            problems.Add(new FieldProblem($"secret must have {ShortestSecret} characters at least; without one it is made", "secret"));
        if (problems.Count > 0)
            throw new RefusedException(StatusCodes.Status422UnprocessableEntity, problems);
    }

    private WebhookSender Sender(Webhook hook) => new(hook, _http, _firstDelay, _time);

    private static WebhookInfo Info(WebhookSender sender)
    {
        var (hook, (delivered, failed, problem)) = (sender.Hook, sender.State);
        return new WebhookInfo(
            hook.Name, new Uri(hook.Url).GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped),
            hook.Events,
            hook.Sessions, delivered, failed, problem);
    }
}
