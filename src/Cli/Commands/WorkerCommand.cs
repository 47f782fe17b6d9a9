using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using StreamDiff.Cli.Fleet;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Hosting;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Storage;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff worker</c>: runs streams of a fleet.</summary>
internal sealed class WorkerCommand : Command, ITellingCommand
{
    private readonly Option<string> _name = new("--name")
    {
        HelpName = "NAME",
        Description = "What it is called, another one for each worker of the fleet. Default: the machine's name and four random digits.",
        DefaultValueFactory = _ => AnyName(),
    };

    private readonly Option<string[]> _fleet = new("--fleet")
    {
        HelpName = "ADDRESS:PORT",
        Description = "A front's port for workers, with --cluster local. Several times: all of them. "
            + $"Default: 127.0.0.1:{FleetSettings.DefaultGatewayPort}.",
    };

    private readonly Option<string> _listen = new("--listen")
    {
        HelpName = "ADDRESS:PORT",
        Description = "Where fronts reach this worker, an address of this machine; port 0 takes a free one. Default: 127.0.0.1:0.",
        DefaultValueFactory = _ => "127.0.0.1:0",
    };

    private readonly Option<int> _streams = StreamsOption();

    private readonly Option<double> _drain = DrainOption();

    private readonly Option<double> _suspended = SuspendedOption();

    private readonly Option<string?> _logFormat = JsonLog.Option();
    private readonly TableOptions _options;
    private readonly FleetOptions _fleetOptions;

    public WorkerCommand()
        : base("worker", "Run streams of a fleet on this machine's device; 'streamdiff fleet' says which. Example: streamdiff worker "
            + "--fleet 10.0.0.1:30000 --listen 10.0.0.2:0 --secret-file fleet.key")
    {
        foreach (var option in (Option[])[_name, _fleet, _listen, _streams, _drain, _suspended])
            Add(option);
        _fleetOptions = new FleetOptions(this, hasData: true);
        _options = new TableOptions(this, FleetCommand.Shared);
        Add(_logFormat);
        SetAction(Run);
    }

    /// <summary>How many streams a worker takes.</summary>
    public static Option<int> StreamsOption() => new("--streams")
    {
        HelpName = "N",
        Description = "Streams that a worker takes at most, whatever they need of its device. Default: four a processor.",
        DefaultValueFactory = _ => WorkerRole.UsualStreams,
    };

    /// <summary>How long streams may take to go elsewhere.</summary>
    public static Option<double> DrainOption() => new("--drain-within")
    {
        HelpName = "SECONDS",
        Description = "After Ctrl+C or SIGTERM streams are moved to other workers, for so long at most. Default: 30.",
        DefaultValueFactory = _ => 30,
    };

    /// <summary>How much is kept of sessions that are suspended.</summary>
    public static Option<double> SuspendedOption() => new("--suspended-memory")
    {
        HelpName = "GB",
        Description = "Memory of the machine for what the caches of suspended sessions held; those that were suspended first lose it "
            + "first. 0 keeps nothing. Default: 4.",
        DefaultValueFactory = _ => new HostOptions().SuspendedGigabytes,
    };

    /// <summary>What is wrong with options that all workers have.</summary>
    public static IEnumerable<string> Problems(int streams, double drain, double suspended)
    {
        if (suspended is not (>= 0 and <= 65536))
            yield return "suspended-memory must be 0 to 65536 GB";
        if (streams is < 1 or > 1000)
            yield return "streams must be 1 to 1000";
        if (drain is not (>= 0 and <= 3600))
            yield return "drain-within must be 0 to 3600 seconds";
    }

    /// <summary>A default name: the machine's and four random digits.</summary>
    public static string AnyName() => $"{Environment.MachineName}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(2))}";

    /// <summary>Has a worker's streams moved.</summary>
    public static void Drain(WorkerServer worker, TimeSpan within, IServeLog log)
    {
        using var patience = new CancellationTokenSource(within);
        try
        {
            worker.Agent.Drain(patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            log.Say($"streams that no other worker had room for end here: {string.Join(", ", worker.Agent.Streams)}", isError: true);
        }
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var given = new GivenOptions(OptionUse.Server);
        _options.Give(parse, given);
        problems.AddRange(given.Problems.Select(p => p.Text));
        if (JsonLog.Problem(parse.GetValue(_logFormat)) is { } wrongFormat)
            problems.Add(wrongFormat);
        var name = parse.GetRequiredValue(_name);
        if (!StudioFolder.IsName(name))
            problems.Add($"name has letters, digits, dots, hyphens and underscores, 64 at most, not {name}");
        problems.AddRange(Problems(parse.GetValue(_streams), parse.GetValue(_drain), parse.GetValue(_suspended)));
        var listen = FleetOptions.EndPoint("listen", parse.GetRequiredValue(_listen), problems);
        var gateways = (parse.GetValue(_fleet) is { Length: > 0 } named ? named : [$"127.0.0.1:{FleetSettings.DefaultGatewayPort}"])
            .Select(text => FleetOptions.EndPoint("fleet", text, problems)).OfType<IPEndPoint>().ToList();
        if (listen?.Address is { } any && (any.Equals(IPAddress.Any) || any.Equals(IPAddress.IPv6Any)))
            problems.Add("listen must be an address of this machine by which fronts reach it, not all of them");
        var settings = _fleetOptions.Read(parse, problems) with { Gateways = gateways };
        if (problems.Count > 0)
            return Usage.Report(problems, "worker");
        IServeLog log = JsonLog.IsOn ? new ServeJson() : new ServeText();
        var role = new WorkerRole(
            name, listen!, Path.Combine(FleetOptions.Folder(parse), "workers", name), parse.GetValue(_streams));
        var room = given.Read(new HostOptions()) with { SuspendedGigabytes = parse.GetValue(_suspended) };
        return Work(given.Read(new RestyleOptions()), room, role, settings, log,
            TimeSpan.FromSeconds(parse.GetValue(_drain)));
    }

    private static int Work(
        RestyleOptions options, HostOptions room, WorkerRole role, FleetSettings settings, IServeLog log, TimeSpan drain)
    {
        using var signals = new CancelOnSignal();
        return signals.ExitCodeOf(() => Work(signals, options, room, role, settings, log, drain));
    }

    private static int Work(
        CancelOnSignal signals, RestyleOptions options, HostOptions room, WorkerRole role, FleetSettings settings, IServeLog log,
        TimeSpan drain)
    {
        var worker = WorkerServer.Start(options, room, role, settings, null, log.Tell, log.Say).GetAwaiter().GetResult();
        try
        {
            log.Say($"worker: {role.Name} at {worker.Address}");
            ServiceManager.Ready();
            using var alive = ServiceManager.KeepAlive();
            while (!signals.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(0.5)))
                if (worker.Agent.IsRefused)
                    return ExitCode.Failed;
            Drain(worker, drain, log);
            return signals.ExitCodeOr(ExitCode.Ok);
        }
        finally
        {
            worker.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
