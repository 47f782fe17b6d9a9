using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests.Support;

/// <summary>A front, workers, publishers and somebody who takes what comes out: processes of this machine, as a user starts them.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    private readonly List<FleetProcess> _all = [];
    private readonly TempFolder _folder = new();
    private readonly int _http = FreePort();
    private readonly int _silo = FreePort();
    private readonly int _gateway = FreePort();
    private readonly string[] _more;
    private readonly string[] _times;
    private readonly string[] _store;
    private int _numbers;

    private TestFleet(string[] more, double lease)
    {
        _more = more;
        var store = Array.IndexOf(more, "--cluster");
        _store = store < 0 ? [] : more[store..(store + 2)];
        var tls = Array.IndexOf(more, "--tls-cert");
        _store = tls < 0 ? _store : [.. _store, .. more[tls..(tls + 4)]];
        _times = ["--lease", lease.ToString(CultureInfo.InvariantCulture), "--heartbeat", "0.5"];
        Client = new StudioClient(new Uri($"http://127.0.0.1:{_http}/"));
    }

    /// <summary>More than anything takes on a busy machine.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    public StudioClient Client { get; }

    public Uri Address => new($"http://127.0.0.1:{_http}/");

    public TempFolder Folder => _folder;

    public FleetProcess Front { get; private set; } = null!;

    public Dictionary<string, FleetProcess> Workers { get; } = [];

    public RtmpRecorder Recorder { get; } = new();

    /// <summary>Begins a front.</summary>
    /// <param name="lease">Seconds; long where a busy machine must not be taken for a lost worker.</param>
    /// <param name="more">Its other options.</param>
    public static async Task<TestFleet> Start(double lease = 20, params string[] more)
    {
        var fleet = new TestFleet(more, lease);
        await fleet.StartFront();
        return fleet;
    }

    public async Task StartFront()
    {
        Front = FleetProcess.Streamdiff(
            _folder[[]],
            [
                "fleet", "--front-only", .. Model(_more), "--http",
                $"127.0.0.1:{_http}", "--silo-port", Text(_silo),
                "--gateway-port", Text(_gateway), .. _more.Contains("--data") ? [] : (string[])["--data", _folder["fleet"]], "--rebalance",
                "0", .. _times, .. _more,
            ]);
        _all.Add(Front);
        _ = await Front.Said("studio: ");
    }

    /// <summary>Beside the first front another one, with the same store; its address.</summary>
    public async Task<(FleetProcess Process, Uri Address)> StartSecondFront()
    {
        var front = FleetProcess.Streamdiff(
            _folder[[]],
            [
                "fleet", "--front-only", "--model", "passthrough", "--http", "127.0.0.1:0", "--silo-port", Text(FreePort()),
                "--gateway-port", Text(FreePort()), "--data", _folder["fleet"], "--rebalance", "0", .. _times, .. _more,
            ]);
        _all.Add(front);
        return (front, new Uri(await front.Said("studio: ")));
    }

    public async Task<FleetProcess> StartWorker(string? name = null, int streams = 8, params string[] more)
    {
        name ??= $"w{++_numbers}";
        var worker = FleetProcess.Streamdiff(
            _folder[[]],
            [
                "worker", .. Model(more), "--name", name, "--fleet", $"127.0.0.1:{_gateway}", "--data", _folder["fleet"],
                "--streams", Text(streams), .. _times, .. _store, .. more,
            ]);
        _all.Add(worker);
        Workers[name] = worker;
        _ = await worker.Said($"worker {name}: has joined the fleet");
        return worker;
    }

    /// <summary>One that perhaps never joins.</summary>
    public FleetProcess StrangeWorker(params string[] more)
    {
        var worker = FleetProcess.Streamdiff(
            _folder[[]],
            ["worker", "--model", "passthrough", "--fleet", $"127.0.0.1:{_gateway}", "--data", _folder["fleet"], .. _times, .. more]);
        _all.Add(worker);
        return worker;
    }

    /// <summary>A publisher that goes on for ever, whatever happens to what it sends; costs next to nothing.</summary>
    public FleetProcess Publish(string address)
    {
        var clip = _folder["clip.flv"];
        if (!File.Exists(clip))
        {
            using var making = FleetProcess.Start(
                _folder[[]], "ffmpeg", [.. ("-v error -y -f lavfi -i testsrc2=size=128x64:rate=10 -t 20 -c:v libx264 -preset ultrafast "
                    + $"-tune zerolatency -pix_fmt yuv420p -g 20 {clip}").Split(' ')]);
            making.Ended().GetAwaiter().GetResult();
        }
        var publisher = FleetProcess.Start(
            _folder[[]], "ffmpeg", [.. $"-v error -re -stream_loop -1 -i {clip} -c copy -f flv {address}".Split(' ')]);
        _all.Add(publisher);
        return publisher;
    }

    /// <summary>Somebody who watches, and writes what comes to a file.</summary>
    public FleetProcess Watch(string address, string file)
    {
        var viewer = FleetProcess.Start(
            _folder[[]], "ffmpeg", [.. $"-v error -y -i {address} -c copy -flush_packets 1 -f mpegts {file}".Split(' ')]);
        _all.Add(viewer);
        return viewer;
    }

    /// <summary>A publisher that comes again, as an encoder does, until its pictures come out.</summary>
    public async Task Publishes(string address, string key)
    {
        var since = RtmpRecorder.Now;
        var publisher = Publish(address);
        await Until(
            () =>
            {
                if (publisher.HasExited)
                    publisher = Publish(address);
                return Task.FromResult(Recorder.Of(key).Count(p => p.At > since) >= 5);
            },
            $"{key} comes out");
    }

    /// <summary>A publisher that comes again until a session has given so many pictures, and leaves then.</summary>
    public async Task Shows(string address, string name, long pictures)
    {
        var publisher = Publish(address);
        await Until(
            async () =>
            {
                if (publisher.HasExited)
                    publisher = Publish(address);
                return await Client.GetSession(name) is { State: SessionState.Running, Status: { Source: "open" } status }
                    && status.FramesOut >= pictures;
            },
            $"{name} gives {pictures} pictures");
        publisher.Kill();
    }

    /// <summary>A session whose publisher comes to a port of the front, and which pushes to the recorder.</summary>
    public async Task<(SessionInfo Session, FleetProcess Publisher)> Stream(string name)
    {
        var port = FreePort();
        var session = await Client.StartSession(
            Passed(name, $"rtmp://127.0.0.1:{port}/live/{{publishKey}}?listen=1", $"rtmp://127.0.0.1:{Recorder.Port}/out/{name}"));
        return (session, Publish($"rtmp://127.0.0.1:{port}/live/{session.PublishKey}"));
    }

    public static NewSession Passed(string name, string input, params string[] outputs) => new()
    {
        Name = name,
        Input = input,
        Outputs = outputs.Length == 0 ? null : outputs,
        Model = "passthrough",
        Fps = "10",
        More = new Dictionary<string, JsonElement> { ["size"] = JsonSerializer.SerializeToElement("128x64") },
    };

    /// <summary>Waits for something to be so.</summary>
    public Task Until(Func<Task<bool>> holds, string what) => Until(
        holds, what, () => $"front:\n{Front.Text}\n" + string.Join('\n', Workers.Select(w => $"{w.Key}:\n{w.Value.Text}")));

    /// <summary>Waits for something to be so.</summary>
    /// <param name="holds">True when it is.</param>
    /// <param name="what">What is waited for.</param>
    /// <param name="seen">What there is to say where it never was so; null for nothing.</param>
    public static async Task Until(Func<Task<bool>> holds, string what, Func<string>? seen)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            if (patience.IsCancellationRequested)
                Assert.Fail($"{what}: it never was so\n{seen?.Invoke()}");
            await Task.Delay(50);
        }
    }

    /// <summary>Waits until pictures of a stream have come after a moment.</summary>
    public Task Comes(string key, TimeSpan after, int pictures = 5) => Until(
        () => Task.FromResult(Recorder.Of(key).Count(p => p.At > after) >= pictures), $"{key} comes out");

    /// <summary>The worker of a stream.</summary>
    public async Task<string?> WorkerOf(string name) => (await Client.GetSession(name)).Worker;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var process in _all)
            process.Dispose();
        Recorder.Dispose();
        _folder.Dispose();
        await ValueTask.CompletedTask;
    }

    /// <summary>
    /// One that nobody has, below those that the system gives to connections: many are made here before somebody listens at it.
    /// </summary>
    public static int FreePort()
    {
        var given = int.Parse(File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split()[0], CultureInfo.InvariantCulture);
        while (true)
        {
            var port = Random.Shared.Next(Math.Min(10_000, given - 1000), given);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody else's.
            }
        }
    }

    private static string[] Model(string[] more) => more.Contains("--model") ? [] : ["--model", "passthrough"];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
