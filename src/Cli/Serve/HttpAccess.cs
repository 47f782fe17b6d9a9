using System.CommandLine;
using System.Net;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Sessions;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Serve;

/// <summary>
/// The options by which a server of sessions is reached by HTTP.
/// ASP.NET is not loaded before <see cref="HttpAccess.Open"/>.
/// </summary>
internal sealed class HttpOptions
{
    private const string Local = "localhost:";

    private readonly Option<string?> _http;
    private readonly Option<string?> _data = DataOption();
    private readonly Option<bool> _requireKey = new("--require-key")
    {
        Description = "Ask for a key on this machine too. Where others can reach it, one is needed in any case. 'streamdiff key' makes "
            + "keys.",
    };

    private readonly Option<string[]> _host = new("--host")
    {
        HelpName = "NAME",
        Description = "A name by which it may be reached, besides addresses and this machine's own name. Several times: all of them.",
    };

    private readonly Option<string?> _certificate = new("--cert")
    {
        HelpName = "FILE",
        Description = "HTTPS with this certificate, PEM. Default: HTTP.",
    };

    private readonly Option<string?> _certificateKey = new("--cert-key")
    {
        HelpName = "FILE",
        Description = "The certificate's key, PEM. Default: in the certificate's file.",
    };

    /// <param name="command">Given the options.</param>
    /// <param name="isOptional">True where nothing listens unless somebody asks for it.</param>
    public HttpOptions(Command command, bool isOptional)
    {
        _http = new Option<string?>("--http")
        {
            HelpName = "ADDRESS:PORT",
            Description = "Where page and interface are reached; port 0 takes a free one. Default: "
                + (isOptional ? "nowhere." : $"{StudioSettings.DefaultAddress}, this machine only."),
        };
        if (!isOptional)
            _http.DefaultValueFactory = _ => StudioSettings.DefaultAddress;
        foreach (var option in (Option[])[_http, _data, _requireKey, _host, _certificate, _certificateKey])
            command.Add(option);
    }

    /// <summary>The option that names the studio's folder.</summary>
    public static Option<string?> DataOption() => new("--data")
    {
        HelpName = "FOLDER",
        Description = "Where keys, presets, webhooks, recordings and logs of the studio are kept. Default: streamdiff/studio in the "
            + "user's data "
            + "folder (~/.local/share).",
    };

    /// <summary>What the command line asks for; null for no HTTP.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="problems">Takes what is wrong.</param>
    public HttpAccess? Read(ParseResult parse, List<string> problems)
    {
        if (parse.GetValue(_http) is not { } text)
            return null;
        var given = text.StartsWith(Local, StringComparison.OrdinalIgnoreCase) ? $"127.0.0.1:{text[Local.Length..]}" : text;
        if (!given.Contains(':', StringComparison.Ordinal) || !IPEndPoint.TryParse(given, out var address))
        {
            problems.Add($"http must be ADDRESS:PORT, such as {StudioSettings.DefaultAddress}, not {text}");
            return null;
        }
        var (certificate, key) = (parse.GetValue(_certificate), parse.GetValue(_certificateKey));
        if (key is not null && certificate is null)
            problems.Add("cert-key has an effect with --cert only");
        problems.AddRange(FileRules.Problems([.. FileUse.Reads(("cert", certificate), ("cert-key", key))]));
        foreach (var file in new[] { certificate, key }.OfType<string>().Where(f => !File.Exists(f)))
            problems.Add($"{file} does not exist");
        var settings = new StudioSettings
        {
            Address = address,
            Folder = parse.GetValue(_data) ?? StudioFolder.Default,
            RequiresKey = parse.GetValue(_requireKey),
            Hosts = parse.GetValue(_host) ?? [],
            Certificate = certificate,
            CertificateKey = key,
        };
        if (StudioServer.Obstacle(settings) is { } obstacle)
            problems.Add(obstacle);
        return new HttpAccess(settings);
    }
}

/// <summary>Where a server of sessions is reached by HTTP.</summary>
internal sealed class HttpAccess(StudioSettings settings)
{
    /// <summary>How it is reached.</summary>
    public StudioSettings Settings => settings;

    /// <summary>What presets stand for.</summary>
    public PresetLibrary Presets => new StudioFolder(settings.Folder).Presets;

    /// <summary>Begins to answer, before there are sessions.</summary>
    /// <param name="options">What a session has where its description says nothing else.</param>
    /// <param name="file">The sessions file; null for none.</param>
    /// <param name="log">Told where it is.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public OpenedHttp Open(RestyleOptions options, string? file, IServeLog log)
    {
        var events = new EventFeed(TimeProvider.System);
        var sessions = new StudioSessions(
            options, FileUse.Reads(("sessions file", file)), events, new StudioFolder(settings.Folder), TimeProvider.System);
        var studio = StudioServer.StartAsync(settings, sessions, text => log.Say(text, isError: true)).GetAwaiter().GetResult();
        log.Say($"studio: {studio.Address}");
        return new OpenedHttp(studio, sessions);
    }
}

/// <summary>A studio that answers.</summary>
internal sealed class OpenedHttp(StudioServer studio, StudioSessions sessions) : IDisposable
{
    /// <summary>The model is loaded.</summary>
    public void Begin(SessionServer server, SessionRestarts restarts) => sessions.Begin(server, restarts);

    /// <summary>A change of state, of a session or of the server.</summary>
    public void Tell(LiveEvent news) => sessions.Events.Tell(news);

    public void Dispose() => studio.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
