using System.CommandLine;
using System.Net;
using StreamDiff.Cli.Fleet;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Grains;
using StreamDiff.Fleet.Hosting;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Events;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff fleet</c>: the studio over many workers.</summary>
internal sealed class FleetCommand : Command, ITellingCommand
{
    private readonly Option<string> _address = new("--address")
    {
        HelpName = "ADDRESS",
        Description = "This machine's address for workers and other fronts. Default: 127.0.0.1, this machine only.",
        DefaultValueFactory = _ => "127.0.0.1",
    };

    private readonly Option<int> _siloPort = Port("--silo-port", "For other fronts.", FleetSettings.DefaultSiloPort);
    private readonly Option<int> _gatewayPort = Port("--gateway-port", "For workers.", FleetSettings.DefaultGatewayPort);
    private readonly Option<int> _relayPort = Port("--relay-port", "Where workers have publishers' packets from; 0 takes a free one.", 0);

    private readonly Option<bool> _frontOnly = new("--front-only")
    {
        Description = "No worker in this process. Default: it is one itself.",
    };

    private readonly Option<int> _streams = WorkerCommand.StreamsOption();
    private readonly Option<double> _drain = WorkerCommand.DrainOption();
    private readonly Option<double> _suspended = WorkerCommand.SuspendedOption();

    private readonly Option<int> _queue = new("--queue")
    {
        HelpName = "N",
        Description = "Sessions that may wait for room (POST /sessions?queue=true). Default: 1000.",
        DefaultValueFactory = _ => new FleetRules().MostQueued,
    };

    private readonly Option<double?> _suspend = new("--suspend-after")
    {
        HelpName = "SECONDS",
        Description = "A session without a source and viewers gives its place up after so long, until somebody sends or watches. "
            + "Default: never.",
    };

    private readonly Option<double> _rebalance = new("--rebalance")
    {
        HelpName = "SECONDS",
        Description = "Between two moves that make workers' loads even; 0 makes none. Default: 10.",
        DefaultValueFactory = _ => new FleetRules().RebalanceEvery!.Value.TotalSeconds,
    };

    private readonly Option<string?> _dashboard = new("--dashboard")
    {
        HelpName = "ADDRESS:PORT",
        Description = "Where the Orleans dashboard is reached, without any key: 127.0.0.1:PORT. Default: nowhere.",
    };

    private readonly Option<bool> _kubernetes = new("--kubernetes")
    {
        Description = "This front is a pod: names and addresses come from Kubernetes.",
    };

    private readonly Option<string?> _logFormat = JsonLog.Option();
    private readonly HttpOptions _http;
    private readonly TableOptions _options;
    private readonly FleetOptions _fleet;

    public FleetCommand()
        : base("fleet", "Open the studio's page and interface over many workers: sessions run where there is room, and go elsewhere when a "
            + "worker is lost. Alone it is front and worker in one. Example: streamdiff fleet")
    {
        _http = new HttpOptions(this, isOptional: false);
        foreach (var option in (Option[])
        [
            _address, _siloPort, _gatewayPort, _relayPort, _frontOnly, _streams, _drain, _suspended, _queue, _suspend, _rebalance,
            _dashboard, _kubernetes,
        ])
            Add(option);
        _fleet = new FleetOptions(this, hasData: false);
        _options = new TableOptions(this, Shared);
        Add(_logFormat);
        SetAction(Run);
    }

    /// <summary>Options of all sessions: what computes, and what each may say otherwise.</summary>
    public static IEnumerable<OptionDefinition> Shared => OptionTable.Of(OptionUse.Server)
        .Where(o => o.Group == "Compute" || o.Name is "size" or "steps" or "fps" or "lanes" or "rows" or "workers");

    private static Option<int> Port(string name, string text, int usual) => new(name)
    {
        HelpName = "PORT",
        Description = $"{text} Default: {usual}.",
        DefaultValueFactory = _ => usual,
    };

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var given = new GivenOptions(OptionUse.Server);
        _options.Give(parse, given);
        problems.AddRange(given.Problems.Select(p => p.Text));
        if (JsonLog.Problem(parse.GetValue(_logFormat)) is { } wrongFormat)
            problems.Add(wrongFormat);
        if (!IPAddress.TryParse(parse.GetRequiredValue(_address), out var address))
            problems.Add($"address must be an IP address of this machine, not {parse.GetRequiredValue(_address)}");
        else if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            problems.Add("address must be one by which workers and other fronts reach this machine, not all of its own");
        foreach (var port in (Option<int>[])[_siloPort, _gatewayPort, _relayPort])
            if (parse.GetValue(port) < (port == _relayPort ? 0 : 1) || parse.GetValue(port) > ushort.MaxValue)
                problems.Add($"{port.Name[2..]} must be {(port == _relayPort ? 0 : 1)} to 65535");
        problems.AddRange(WorkerCommand.Problems(parse.GetValue(_streams), parse.GetValue(_drain), parse.GetValue(_suspended)));
        if (parse.GetValue(_queue) is < 0 or > 100_000)
            problems.Add("queue must be 0 to 100000");
        if (parse.GetValue(_suspend) is <= 0 || parse.GetValue(_rebalance) < 0)
            problems.Add("suspend-after must be above 0 seconds, rebalance not below");
        var dashboard = parse.GetValue(_dashboard) is { } text ? FleetOptions.EndPoint("dashboard", text, problems) : null;
        var http = _http.Read(parse, problems);
        var settings = _fleet.Read(parse, problems);
        if (problems.Count > 0)
            return Usage.Report(problems, "fleet");
        settings = settings with
        {
            Address = address!,
            SiloPort = parse.GetValue(_siloPort),
            GatewayPort = parse.GetValue(_gatewayPort),
            Rules = new FleetRules
            {
                MostQueued = parse.GetValue(_queue),
                SuspendAfter = parse.GetValue(_suspend) is { } idle ? TimeSpan.FromSeconds(idle) : null,
                RebalanceEvery = parse.GetValue(_rebalance) is > 0 and var every ? TimeSpan.FromSeconds(every) : null,
            },
            Dashboard = dashboard,
            IsInKubernetes = parse.GetValue(_kubernetes),
        };
        var name = WorkerCommand.AnyName();
        var role = parse.GetValue(_frontOnly)
            ? null
            : new WorkerRole(
                name, new IPEndPoint(settings.Address, 0), Path.Combine(FleetOptions.Folder(parse), "workers", "here"),
                parse.GetValue(_streams));
        IServeLog log = JsonLog.IsOn ? new ServeJson() : new ServeText();
        var room = given.Read(new HostOptions()) with { SuspendedGigabytes = parse.GetValue(_suspended) };
        return Work(given, room, http!, settings, role, parse.GetValue(_relayPort), TimeSpan.FromSeconds(parse.GetValue(_drain)), log);
    }

    private static int Work(
        GivenOptions given, HostOptions room, HttpAccess http, FleetSettings settings, WorkerRole? role, int relayPort, TimeSpan drain,
        IServeLog log)
    {
        using var signals = new CancelOnSignal();
        return signals.ExitCodeOf(() => Work(signals, given, room, http, settings, role, relayPort, drain, log));
    }

    private static int Work(
        CancelOnSignal signals, GivenOptions given, HostOptions room, HttpAccess http, FleetSettings settings, WorkerRole? role,
        int relayPort, TimeSpan drain, IServeLog log)
    {
        var options = given.Read(new RestyleOptions());
        var events = new EventFeed(TimeProvider.System);
        var front = FleetServer.Start(options, settings, http.Settings, relayPort, events, log.Say).GetAwaiter().GetResult();
        WorkerServer? worker = null;
        try
        {
            log.Say($"studio: {front.Address}");
            if (role is not null)
            {
                worker = WorkerServer.Start(options, room, role, settings, front.Grains, log.Tell, log.Say)
                    .GetAwaiter().GetResult();
                log.Say($"worker: {role.Name} at {worker.Address}");
            }
            ServiceManager.Ready();
            using var alive = ServiceManager.KeepAlive();
            while (!signals.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(0.5)))
                if (worker?.Agent.IsRefused == true)
                    return ExitCode.Failed;
            // Where this was all of the fleet there is no other place to go to.
            if (worker is not null && front.HasOther(role!.Name))
                WorkerCommand.Drain(worker, drain, log);
            return signals.ExitCodeOr(ExitCode.Ok);
        }
        finally
        {
            if (worker is not null)
                worker.DisposeAsync().AsTask().GetAwaiter().GetResult();
            front.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
