using System.Globalization;

namespace StreamDiff.Fleet.Tests.Support;

/// <summary>A store of Debian's on a port of its own, all its files in a folder of the test's; can be stopped and begun again.</summary>
internal sealed class Store : IDisposable
{
    private readonly Func<FleetProcess> _start;
    private FleetProcess? _process;

    private Store(string option, Func<FleetProcess> start) => (Option, _start) = (option, start);

    /// <summary>How a front and workers name it.</summary>
    public string Option { get; }

    public static Store Redis(string folder)
    {
        var port = TestFleet.FreePort();
        return new Store($"redis:127.0.0.1:{port},abortConnect=false,connectTimeout=1000,syncTimeout=2000,asyncTimeout=2000", () =>
            FleetProcess.Start(
                folder, "redis-server", "--bind", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture), "--dir", folder,
                "--appendonly", "yes", "--save", ""));
    }

    /// <summary>PostgreSQL refuses to run as root: then it runs as its own user.</summary>
    public static Store Postgres(string folder)
    {
        var port = TestFleet.FreePort();
        var programs = Directory.EnumerateDirectories("/usr/lib/postgresql").Max() + "/bin/";
        var data = Path.Combine(folder, "postgres");
        _ = Directory.CreateDirectory(data);
        string[] user = Environment.UserName == "root" ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
        if (user.Length > 0)
        {
            // The way to it must be open to that user.
            using var open = FleetProcess.Start(folder, "chmod", "o+rx", folder);
            open.Ended().GetAwaiter().GetResult();
            using var give = FleetProcess.Start(folder, "chown", "postgres:postgres", data);
            give.Ended().GetAwaiter().GetResult();
        }
        string[] Line(params string[] line) => [.. user, .. line];
        FleetProcess Run(params string[] line)
        {
            var all = Line(line);
            return FleetProcess.Start(data, all[0], all[1..]);
        }
        using (var making = Run(programs + "initdb", "-D", data, "-U", "fleet", "-A", "trust", "--no-sync"))
            making.Ended().GetAwaiter().GetResult();
        return new Store($"postgres:Host=127.0.0.1;Port={port};Username=fleet;Database=postgres;Timeout=3;Command Timeout=3", () => Run(
            programs + "postgres", "-D", data, "-p", port.ToString(CultureInfo.InvariantCulture), "-h", "127.0.0.1", "-k", data));
    }

    /// <summary>Begins it.</summary>
    public Store Begin()
    {
        _process = _start();
        return this;
    }

    /// <summary>Ends it as a crash would.</summary>
    public async Task Kill()
    {
        _process!.Kill();
        await _process.Ended();
    }

    public void Pause() => _process!.Pause();

    public void Continue() => _process!.Continue();

    public void Dispose() => _process?.Dispose();
}
