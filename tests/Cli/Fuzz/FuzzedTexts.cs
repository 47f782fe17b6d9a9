using System.Text;
using System.Text.Json;
using StreamDiff.Cli.Control;
using StreamDiff.Cli.Options;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Server.Security;
using StreamDiff.Testing;
using StreamDiff.Transport.Osc;

namespace StreamDiff.Cli.Tests.Fuzz;

/// <summary>What people and programs write and the program reads: an original of each kind, and what reads it.</summary>
internal sealed class FuzzedTexts(TempFolder folder)
{
    private const string Config =
        "input: in.mp4\noutput:\n  - a.mp4\n  - b.mkv\nmodel: &m tiny\nsteps: 2\nsize: 64x64\nprompt: \"neon\"\nnoise-scale: 0.3\nseed: 7\n"
            + "start: 1.5\nwindow: 5\ndevice: *m\n";

    private const string Sessions =
        "model: passthrough\nsize: 64x64\nlanes: 4\nsessions:\n  - name: one\n    input: test:testsrc2\n    output: [a.mp4, 'null:']\n"
            + "    ladder: [drop]\n    weight: 3\n  - name: two\n    input: 'rtmp://0.0.0.0:1935/a/b?listen=1'\n    output: 'null:'\n";

    private const string Lines =
        "at 00:12 prompt \"a watercolor\" blend 8 spherical\nat frame 120 noise 0.4 # here\nat chunk 3 sinks 2 threshold 0.3\nat 1 pause\n";

    private const string Playing =
        "at 0 tempo 110\nat beat 3 preset neon blend 0.3s\nevery 4beats from beat 2 to beat 9 prompt \"(winter:1.2) morning\" blend 1beat "
            + "spherical ease-in\nat 0 map sound.level mix 0.6 1 smooth 0.2s\nat 0 on midi.note36 preset neon blend 2\n"
            + "at frame 9 lora ink 0.5\nat 2 region rect 0.1 0.2 0.5 0.5 feather 0.1\nat 3 loopback 0.4 delay 2\nat 4 signal fader 0.5\n";

    private const string PresetText =
        "prompt: \"neon\"\nblend: 2\nspherical: true\nnoise-scale: 0.35\nsteps: 2\nseed: 7\nsinks: 2\nsink-threshold: 0.3\n"
            + "loras: {ink: 0.5}\n";

    private const string Commands =
        "start one --input test:testsrc2 --output \"a b.mp4\" --prompt \"x \\\" y\"\nstop one\nlist\n";

    public (string Name, byte[] Original, Action<string> Take) Reader(string kind)
    {
        var tiny = new ModelCatalog().Find("tiny").Folder;
        return kind switch
        {
            "config" => ("c.yaml", Bytes(Config), ReadConfig),
            "sessions" => ("s.yaml", Bytes(Sessions), ReadSessions),
            "timeline" => ("t.txt", Bytes(Lines), ReadTimeline),
            "playing" => ("t.txt", Bytes(Playing), ReadTimeline),
            "preset" => ("presets/x.yaml", Bytes(PresetText), p => new PresetLibrary(Path.GetDirectoryName(p)!).Find("x")),
            "osc" => ("osc", Packet(), ReadOsc),
            "lora" => ("x.safetensors", Lora(), p =>
                LoraReport.ByLayer([new LoraChoice(p)], isLive: true, new ModelCatalog().Find("tiny"))),
            "hosts" => ("hosts", Bytes("# ranks\ncpu\ncpu\n127.0.0.1:7000\n[::1]:7001\nsecret-file: s\ntls-ca: ca.pem\n"), p =>
                RankList.Parse(p)),
            "secret" => ("secret", Bytes("q3f0Jm2bV7yT5nL9sXcE1hK8dRwG4zUaPoIiB6MtQvY=\n"), p => RankSecret.Read(p)),
            "control" => ("control", Bytes(Lines.Replace("at 00:12 ", "", StringComparison.Ordinal)), p => ReadLines(p, ControlLine.Parse)),
            "words" => ("words", Bytes(Commands), p => ReadLines(p, ServeDesk.Words)),
            "model" => ("m/model.json", File.ReadAllBytes(Path.Combine(tiny, "model.json")), p => ModelConfigReader.Read(p)),
            "manifest" => ("m/manifest.json", File.ReadAllBytes(Path.Combine(tiny, "manifest.json")), p => ModelManifest.Read(p)),
            "log" => ("x.log", SampleLog(), p => SessionLog.Read(p)),
            "safetensors" => ("x.safetensors", Head("diffusion_pytorch_model.safetensors"), p => CheckpointFile.Open(p).Dispose()),
            "pickle" => ("x.pt", Head("odd_tensors.pt"), p => CheckpointFile.Open(p).Dispose()),
            "calibration" => (LatencyModelFile.NameOf(Calibration.Key), Calibrated(), p =>
            {
                if (LatencyModelFile.Find(Path.GetDirectoryName(p)!, Calibration.Key) is null)
                    throw new FormatExceptionOfTheUser("measured anew");
            }
            ),
            "device" => ("device.json", JsonSerializer.SerializeToUtf8Bytes(SimulatedDevice.Known.Values.First()), p =>
            {
                var problems = new List<string>();
                _ = DeviceText.Read(p, problems);
                Tell(problems);
            }
            ),
            "heads" => ("heads.json", File.ReadAllBytes(Path.Combine(tiny, "heads.json")), p =>
                HeadFile.Read(p, new ModelCatalog().Find("tiny"))),
            "keys" => ("keys.json", Keys(), p => _ = new KeyFile(Path.GetDirectoryName(p)!).All),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no kind"),
        };
    }

    private static LatencyModelFile Calibration { get; } = new(
        new LatencyModelKey("a processor", "tiny", "bfloat16", 2), SimulatedDevice.Known.Values.First().Terms, 0.1,
        new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc));

    private byte[] Calibrated() => File.ReadAllBytes(Calibration.Write(folder["calibration"]));

    private byte[] Keys()
    {
        var keys = new KeyFile(folder["keys"]);
        _ = keys.Add("all", Role.Admin, null);
        _ = keys.Add("one", Role.Operator, ["a", "b"]);
        return File.ReadAllBytes(folder["keys/keys.json"]);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static void ReadConfig(string path)
    {
        var given = new GivenOptions(OptionUse.Run);
        ConfigFile.Read(path, given);
        _ = given.Read(new RestyleOptions());
        Tell([.. given.Problems.Select(p => p.At())]);
    }

    private static void ReadSessions(string path)
    {
        var (problems, notes) = (new List<string>(), new List<string>());
        _ = SessionsFile.Read(path, problems, notes);
        Tell(problems);
    }

    private static void ReadTimeline(string path)
    {
        var problems = new List<string>();
        _ = Timeline.Read(path, problems);
        Tell(problems);
    }

    private static void ReadLines(string path, Func<string, object?> read)
    {
        using var text = new StreamReader(path);
        while (ControlDesk.ReadLine(text) is { } line)
            _ = Line(() => read(line));
    }

    // A bundle of messages with every kind of argument, as a controller sends it.
    private static byte[] Packet()
    {
        var first = new OscMessage("/prompt", "a blueprint", 2, 0.5f).ToPacket();
        var second = new OscMessage("/one/noise", 0.4, 7L, true, null, new byte[] { 1, 2, 3 }).ToPacket();
        return [.. "#bundle\0"u8, .. new byte[8], 0, 0, 0, (byte)first.Length, .. first, 0, 0, 0, (byte)second.Length, .. second];
    }

    private static void ReadOsc(string path)
    {
        try
        {
            _ = OscMessage.Read(File.ReadAllBytes(path));
        }
        catch (FormatException e)
        {
            throw new FormatExceptionOfTheUser(e.Message);
        }
    }

    private byte[] Lora()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var shapes = CausalWanModel.Shapes(ModelBundle.TransformerConfig(new ModelCatalog().Find("tiny").Config));
        LoraFiles.Write(folder["whole.safetensors"], LoraSpellings.Kohya, shapes, seed: 1);
        return File.ReadAllBytes(folder["whole.safetensors"]);
    }

    private static void Tell(List<string> problems)
    {
        if (problems.Count > 0)
            throw new FormatExceptionOfTheUser(problems[0]);
    }

    // A line that is refused is told of, and the next one is read.
    private static object? Line(Func<object?> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new FormatExceptionOfTheUser(e.Message);
        }
    }

    private static byte[] Head(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "../../../../golden/checkpoints",
        name));

    private byte[] SampleLog()
    {
        using var streamdiff = new Streamdiff();
        var outcome = streamdiff.Run("run", "-i", "test:testsrc2?size=64x64&duration=0.5&rate=10", "-o", "a.mp4", "--size", "64x64",
            "--log", "a.log", "-p",
            "pencil sketch", "--threads", "1");
        Assert.Equal(0, outcome.ExitCode);
        return File.ReadAllBytes(streamdiff.Folder["a.log"]);
    }

    /// <summary>Stands for the line that a command prints.</summary>
    private sealed class FormatExceptionOfTheUser(string line) : Exception(line);
}
