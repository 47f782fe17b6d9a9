using System.CommandLine;
using System.Net;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Hosting;
using StreamDiff.Server.Sessions;

namespace StreamDiff.Cli.Serve;

/// <summary>The options by which a server of sessions is reached by HTTP. ASP.NET is not loaded before <see cref="HttpAccess.Open"/>.</summary>
internal sealed class HttpOptions
{
    private readonly Option<string?> _http;

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
        command.Add(_http);
    }

    /// <summary>What the command line asks for; null for no HTTP.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="problems">Takes what is wrong.</param>
    public HttpAccess? Read(ParseResult parse, List<string> problems)
    {
        if (parse.GetValue(_http) is not { } text)
            return null;
        var given = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? $"127.0.0.1:{text["localhost:".Length..]}" : text;
        if (!given.Contains(':', StringComparison.Ordinal) || !IPEndPoint.TryParse(given, out var address))
        {
            problems.Add($"http must be ADDRESS:PORT, such as {StudioSettings.DefaultAddress}, not {text}");
            return null;
        }
        return new HttpAccess(new StudioSettings { Address = address });
    }
}

/// <summary>Where a server of sessions is reached by HTTP.</summary>
internal sealed class HttpAccess(StudioSettings settings)
{
    /// <summary>Begins to answer.</summary>
    /// <param name="server">The sessions.</param>
    /// <param name="options">What a session has where its description says nothing else.</param>
    /// <param name="file">The sessions file; null for none.</param>
    /// <param name="log">Told where it is.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public IDisposable Open(SessionServer server, RestyleOptions options, string? file, IServeLog log)
    {
        var studio = StudioServer.StartAsync(settings, new StudioSessions(server, new SessionReader(options, file))).GetAwaiter().GetResult();
        log.Say($"studio: {studio.Address}");
        return new Opened(studio);
    }

    private sealed class Opened(StudioServer studio) : IDisposable
    {
        public void Dispose() => studio.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
