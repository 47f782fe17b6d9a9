using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Models;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Fleet;

/// <summary>The options by which the processes of a fleet reach each other.</summary>
internal sealed class FleetOptions
{
    private readonly Option<string> _cluster = new("--cluster")
    {
        HelpName = "STORE",
        Description = "Where fronts find each other and keep what they decide: local (one front, a folder), redis:CONNECTION or "
            + "postgres:CONNECTION. Default: local.",
        DefaultValueFactory = _ => "local",
    };

    private readonly Option<string> _fleetName = new("--fleet-name")
    {
        HelpName = "NAME",
        Description = "Fleets of other names may share a store. Default: streamdiff.",
        DefaultValueFactory = _ => "streamdiff",
    };

    private readonly Option<string?> _secret = new("--secret-file")
    {
        HelpName = "FILE",
        Description = "What fronts and workers know each other by, made by 'streamdiff secret'. Default: fleet.key in the data folder, "
            + "made where it is not there.",
    };

    private readonly Option<string?> _certificate = new("--tls-cert")
    {
        HelpName = "FILE",
        Description = "PEM with this process's certificate and key: fronts and workers speak with mutual TLS. Default: none.",
    };

    private readonly Option<string?> _authority = new("--tls-ca")
    {
        HelpName = "FILE",
        Description = "PEM with the certificate that those of all fronts and workers are signed by.",
    };

    private readonly Option<double> _beat = new("--heartbeat")
    {
        HelpName = "SECONDS",
        Description = "Between two heartbeats of a worker; the same everywhere. Default: 0.5.",
        DefaultValueFactory = _ => FleetTimes.Usual.Beat.TotalSeconds,
    };

    private readonly Option<double> _lease = new("--lease")
    {
        HelpName = "SECONDS",
        Description = "A worker that is not heard of for so long writes no more, and its streams go elsewhere; the same everywhere. "
            + "Default: 2.",
        DefaultValueFactory = _ => FleetTimes.Usual.Lease.TotalSeconds,
    };

    private readonly Option<string?> _data = Serve.HttpOptions.DataOption();

    /// <param name="command">Given the options.</param>
    /// <param name="hasData">False where the command has an option for its folder already.</param>
    public FleetOptions(Command command, bool hasData)
    {
        foreach (var option in (Option[])[_cluster, _fleetName, _secret, _certificate, _authority, _beat, _lease])
            command.Add(option);
        if (hasData)
            command.Add(_data);
    }

    /// <summary>The folder that was named.</summary>
    public static string Folder(ParseResult parse) => parse.GetValue<string?>("--data") ?? StudioFolder.Default;

    /// <summary>What the command line says; adds what is wrong.</summary>
    public FleetSettings Read(ParseResult parse, List<string> problems)
    {
        var folder = Folder(parse);
        var (kind, connection) = Store(parse.GetRequiredValue(_cluster), problems);
        var (certificate, authority) = (parse.GetValue(_certificate), parse.GetValue(_authority));
        if (certificate is null != authority is null)
            problems.Add("--tls-cert and --tls-ca belong together");
        foreach (var file in new[] { certificate, authority }.OfType<string>().Where(f => !File.Exists(f)))
            problems.Add($"{file} does not exist");
        var (beat, lease) = (parse.GetValue(_beat), parse.GetValue(_lease));
        if (!(beat >= 0.1) || !(lease >= 2 * beat) || lease > 600)
            problems.Add("heartbeat must be at least 0.1 seconds, and lease at least twice as long, 600 seconds at most");
        var name = parse.GetRequiredValue(_fleetName);
        if (!StudioFolder.IsName(name))
            problems.Add($"fleet-name has letters, digits, dots, hyphens and underscores, not {name}");
        return new FleetSettings
        {
            Kind = kind,
            Connection = connection,
            Name = name,
            Folder = Path.Combine(folder, "fleet"),
            Key = problems.Count > 0 ? "" : Key(parse.GetValue(_secret), folder, problems),
            Tls = certificate is null || authority is null ? null : new FleetTls(certificate, authority),
            Times = problems.Count > 0 ? FleetTimes.Usual : new FleetTimes(TimeSpan.FromSeconds(beat), TimeSpan.FromSeconds(lease)),
        };
    }

    /// <summary>An address with a port, as the command line has it; null with a problem where it is none.</summary>
    public static IPEndPoint? EndPoint(string option, string text, List<string> problems)
    {
        if (text.Contains(':', StringComparison.Ordinal)
            && IPEndPoint.TryParse(text.Replace("localhost:", "127.0.0.1:", StringComparison.OrdinalIgnoreCase), out var address))
            return address;
        problems.Add($"{option} must be ADDRESS:PORT, such as 127.0.0.1:30000, not {text}");
        return null;
    }

    private static (ClusterKind Kind, string Connection) Store(string text, List<string> problems)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (kind, connection) = colon < 0 ? (text, "") : (text[..colon], text[(colon + 1)..]);
        switch (kind)
        {
            case "local" when connection.Length == 0:
                return (ClusterKind.Local, "");
            case "redis" when connection.Length > 0:
                return (ClusterKind.Redis, connection);
            case "postgres" when connection.Length > 0:
                return (ClusterKind.Postgres, connection);
            default:
                problems.Add("cluster must be local, redis:HOST:PORT or postgres:Host=...;Database=...;Username=...");
                return (ClusterKind.Local, "");
        }
    }

    // A front and its workers may begin at the same moment: one of them makes it.
    private static void Make(string path)
    {
        _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            RankSecret.Make(path);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another one was quicker.
        }
    }

    private static string Key(string? file, string folder, List<string> problems)
    {
        try
        {
            var path = file ?? Path.Combine(folder, "fleet.key");
            if (file is null && !File.Exists(path))
                Make(path);
            // Who makes it has perhaps not written it yet.
            if (file is null)
                _ = SpinWait.SpinUntil(() => new FileInfo(path).Length > 0, TimeSpan.FromSeconds(2));
            // What is sent is no part of the file.
            return Convert.ToHexStringLower(SHA256.HashData(RankSecret.Read(path)));
        }
        catch (Exception e) when (e is ModelException or IOException or UnauthorizedAccessException)
        {
            problems.Add(e.Message);
            return "";
        }
    }
}
