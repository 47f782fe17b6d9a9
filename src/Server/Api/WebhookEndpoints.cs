using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Security;
using StreamDiff.Server.Webhooks;

namespace StreamDiff.Server.Api;

/// <summary>Webhooks: addresses that are told what happens.</summary>
internal sealed class WebhookEndpoints(WebhookDesk desk)
{
    public void Map(RouteGroupBuilder api)
    {
        api.MapGet("/webhooks", (Caller _) => desk.All).Needs(Role.Admin).WithName("listWebhooks")
            .WithSummary("All webhooks, and what became of their events.");
        api.MapPut("/webhooks/{webhook}", (string webhook, [FromBody] NewWebhook body, Caller _) => desk.Put(webhook, body))
            .Needs(Role.Admin)
            .WithName("putWebhook").WithSummary("Keep a webhook; a secret that is made here is told this once.");
        api.MapDelete("/webhooks/{webhook}", Delete).Needs(Role.Admin).WithName("deleteWebhook").WithSummary("Delete a webhook.");
    }

    private async Task<NoContent> Delete(string webhook, Caller caller)
    {
        _ = caller;
        await desk.Delete(webhook).ConfigureAwait(false);
        return TypedResults.NoContent();
    }
}
