using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using StreamDiff.Server.Browser;
using StreamDiff.Server.Page;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Server.Hosting;

/// <summary>The studio: page and interface over HTTP, in the process whose sessions they show and steer.</summary>
public sealed class StudioServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StudioServer(WebApplication app) => _app = app;

    /// <summary>Where it is reached, with the port that was taken.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses
        .First());

    /// <summary>Begins to answer.</summary>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public static async Task<StudioServer> StartAsync(StudioSettings settings, StudioSessions sessions)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(sessions);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "streamdiff" });
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(settings.Address));
        var app = builder.Build();
        app.UseWebSockets();
        app.UseRouting();
        PageEndpoints.Map(app);
        BrowserEndpoints.Map(app, sessions);
        await app.StartAsync().ConfigureAwait(false);
        return new StudioServer(app);
    }

    /// <summary>Answers nothing any more; the sessions go on.</summary>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
