using System.Globalization;
using System.Net;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Midi;
using StreamDiff.Transport.Osc;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>A take that is played from all sides at once: timeline, lines, presets, OSC, MIDI, taps and its own sound.</summary>
public sealed class PlayedTakeTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_PlayedFromAllSides_ReplayIsBitForBitTheTake() => Play(seconds: 8, least: 30);

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_TwoMinutesAndTwoHundredChanges_ReplayIsBitForBitTheTake() => Play(seconds: 120, least: 200);

    private void Play(int seconds, int least)
    {
        TestFolder.Command("sox",
            $"-n -r 48000 -c 2 {_folder.File("one.wav")} synth 0.06 sine 80 gain -3 fade 0.002 0.06 0.01 pad 0 1.44 "
            + $"repeat {seconds * 2 / 3}");
        var clip = _folder.Make("clip.mkv",
            $"-f lavfi -i testsrc2=size=64x64:rate=30:duration={seconds} -i {_folder.File("one.wav")} -c:v ffv1 -c:a flac -shortest");
        File.WriteAllText(_folder.File("timeline"), """
            at 0 tempo 110
            at 0 on sound.bass seed next
            at 0 map sound.level mix 0.6 1 smooth 0.2s
            at 0 map midi.cc1 loopback 0 0.4
            at 0 on midi.note36 preset neon blend 2
            every 4beats from beat 2 prompt "(winter:1.2) morning" blend 1beat spherical
            every 3s from 1 noise 0.4 blend 1s ease
            every 3s from 2.5 noise 0.25 blend 0.5s ease-out
            """);
        var controls = new StreamControls();
        using var osc = new OscControl(new IPEndPoint(IPAddress.Loopback, 0), null, SteeredStreams.Of(controls), _ => { });
        using var sender = new OscPort(new IPEndPoint(IPAddress.Loopback, 0), _ => { }, _ => { });
        var midi = new MidiControl(SteeredStreams.Of(controls), TimeProvider.System);
        var given = 0;
        // Each change brings the next one: when they come is the machine's affair, and only the log knows.
        controls.Applied += applied =>
        {
            if (applied.Chunk < 7.5 * seconds - 8)
                Give(given++);
        };
        Give(given++);
        void Give(int n)
        {
            switch (n % 8)
            {
                case 0:
                    controls.Apply(ControlLine.ParseChange(string.Create(CultureInfo.InvariantCulture, $"seed {n}")));
                    break;
                case 1:
                    sender.Send(new OscMessage("/streamdiff/region", "ellipse", 0.1f * (n % 9), 0.5f, 0.3f, 0.4f, "exact"), osc.Address);
                    break;
                case 2:
                    midi.Take(new MidiEvent(MidiKind.Controller, 1, 1, n * 7 % 128));
                    break;
                case 3:
                    controls.Apply(new TapChange());
                    break;
                case 4:
                    midi.Take(new MidiEvent(MidiKind.Note, 1, 36, n / 8 % 2 * 100));
                    break;
                case 5:
                    sender.Send(new OscMessage("/streamdiff/steps", 1 + n % 2), osc.Address);
                    break;
                case 6:
                    controls.Apply(new RegionChange(null));
                    break;
                default:
                    controls.Apply(ControlLine.ParseChange($"sinks {n / 8 % 4}"));
                    break;
            }
        }
        var options = RestyleOptions.Of(clip, "null:").With(
            "prompt winter", "size 64x64", "threads 1", $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        FileRestyle.Run(options, controls, new Quiet(), CancellationToken.None);

        var log = SessionLog.Read(options.Control.Log!);
        Assert.True(log.Changes.Count >= least, $"{log.Changes.Count} changes in {log.Chunks.Count} chunks");
        foreach (var kind in new[]
        {
            typeof(PromptChange), typeof(NoiseScaleChange), typeof(SeedChange), typeof(MixChange), typeof(LoopbackChange),
            typeof(TempoChange), typeof(SinksChange), typeof(StepsChange), typeof(RegionChange),
        })
            Assert.Contains(log.Changes, c => c.Change.GetType() == kind);
        // The pictures alone.
        var silent = _folder.Make("silent.mkv", $"-i {clip} -an -c copy");
        var replay = LogReplay.Open(options.Control.Log!);
        using var session = replay.Begin(replay.Options(silent, ["null:"]));
        FileRestyle.Run(session.Options, session.Controls, new Quiet(), CancellationToken.None);
        Assert.EndsWith("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
    }

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
