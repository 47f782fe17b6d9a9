using Microsoft.Extensions.Time.Testing;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Transport.Midi;

namespace StreamDiff.Pipeline.Tests.Control.Remote;

public sealed class MidiControlTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly StreamControls _controls = new();
    private readonly MidiControl _midi;
    private long _chunk;

    public MidiControlTests()
    {
        _controls.Open(ControlLimits.Widest, _ => Task.CompletedTask);
        _midi = new MidiControl(SteeredStreams.Of(_controls), _time);
    }

    [Fact]
    public void Take_ControllerAndKey_MoveWhatFollowsThem()
    {
        _controls.Apply(ControlLine.ParseChange("learn noise 0.1 1"));
        _controls.Apply(ControlLine.ParseChange("on midi.note36 seed next"));
        Take();
        _midi.Take(new MidiEvent(MidiKind.Controller, 1, 74, 127));
        Assert.Equal(["map midi.cc74 noise 0.1 1", "noise 1"], Take());
        _midi.Take(new MidiEvent(MidiKind.Controller, 5, 74, 0));
        _midi.Take(new MidiEvent(MidiKind.Note, 10, 36, 100));
        Assert.Equal(["seed next", "noise 0.1"], Take());
        _midi.Take(new MidiEvent(MidiKind.Note, 10, 36, 0));
        Assert.Empty(Take());
    }

    [Fact]
    public void Take_Clock_IsTheTempo()
    {
        // 24 clocks a beat at 125 a minute: 20 ms each.
        _midi.Take(new MidiEvent(MidiKind.Start));
        Clock(200, milliseconds: 20);
        Assert.Equal(["tempo 125 beat 8.292"], Take());
        Clock(24 * 8);
        Assert.Equal(["tempo 100 beat 16.292"], Take());
        // What is counted so already needs no change.
        Clock(1);
        Assert.Empty(Take(TimeSpan.FromMilliseconds(25)));
    }

    [Fact]
    public void Take_ClockForALongTime_BeatsAreThoseOfTheMusic()
    {
        // Chunks are taken 0.4 s after their pictures; clocks come up to 3 ms late.
        var clock = TimeSpan.FromMinutes(1) / (120.37 * 24);
        var (length, delay) = (TimeSpan.FromSeconds(4 / 30.0), TimeSpan.FromSeconds(0.4));
        var controls = new StreamControls(new Timeline([Timeline.ParseLine("every 1beat seed next")!]));
        controls.Open(ControlLimits.Widest, _ => Task.CompletedTask, now: () => _time.GetElapsedTime(0));
        var midi = new MidiControl(SteeredStreams.Of(controls), _time);
        var origin = _time.GetElapsedTime(0);
        var (chunk, tempos, beats) = (0L, 0, new List<double>());
        midi.Take(new MidiEvent(MidiKind.Start));
        for (var n = 0; n < 24 * 1200; n++)
        {
            _time.Advance(origin + (n * clock) + TimeSpan.FromMilliseconds(n * 7 % 4) - _time.GetElapsedTime(0));
            midi.Take(new MidiEvent(MidiKind.Clock));
            for (; origin + (chunk * length) + delay < _time.GetElapsedTime(0); chunk++)
                foreach (var applied in controls.Take(new ChunkSpan(chunk, 4 * chunk, 4 * chunk + 3, (chunk + 1) * length)
                {
                    Begin = chunk * length,
                    Origin = origin,
                    Length = length,
                }))
                    if (applied.Change is TempoChange)
                        tempos++;
                    else
                        beats.Add((chunk + 0.5) * length / (24 * clock));
        }
        // When the tempo is known, after a beat, it is put right; a chunk is a quarter of a beat.
        Assert.InRange(beats.Count, 1196, 1200);
        Assert.All(beats.Skip(3), beat => Assert.InRange(Math.Abs(beat - Math.Round(beat)), 0, 0.2));
        Assert.Equal(beats.Count, beats.Select(b => (int)Math.Round(b)).Distinct().Count());
        Assert.InRange(tempos, 1, 20);
    }

    [Fact]
    public void Take_StopSongPositionContinue_BeatsGoOnFromThere()
    {
        _midi.Take(new MidiEvent(MidiKind.Start));
        Clock(49);
        Assert.Equal(["tempo 100 beat 2"], Take());
        _midi.Take(new MidiEvent(MidiKind.Stop));
        Clock(24);
        Assert.Empty(Take());
        _midi.Take(new MidiEvent(MidiKind.SongPosition, Value: 32));
        _midi.Take(new MidiEvent(MidiKind.Continue));
        Clock(13);
        Assert.Equal(["tempo 100 beat 8.5"], Take());
        _midi.Take(new MidiEvent(MidiKind.Stop));
        _midi.Take(new MidiEvent(MidiKind.Continue));
        Clock(12);
        Assert.Equal(["tempo 100 beat 9"], Take());
    }

    // At 100 beats a minute.
    private void Clock(int count, int milliseconds = 25)
    {
        for (var clock = 0; clock < count; clock++)
        {
            _midi.Take(new MidiEvent(MidiKind.Clock));
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        }
    }

    // Chunks that all begin at the same time: the stream's own beats stand still.
    private List<string> Take(TimeSpan begin = default) =>
        [
            .. _controls.Take(new ChunkSpan(_chunk, 4 * _chunk, 4 * _chunk + 3, TimeSpan.FromSeconds(++_chunk)) { Begin = begin })
                .Select(a => a.Change.ToString()),
        ];
}
