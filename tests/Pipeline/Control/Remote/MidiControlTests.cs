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
        for (var clock = 0; clock < 200; clock++)
        {
            _midi.Take(new MidiEvent(MidiKind.Clock));
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }
        Assert.Equal(["tempo 125 now"], Take());
        for (var clock = 0; clock < 24 * 8; clock++)
        {
            _midi.Take(new MidiEvent(MidiKind.Clock));
            _time.Advance(TimeSpan.FromMilliseconds(25));
        }
        Assert.Equal("tempo 100 now", Take()[^1]);
    }

    private List<string> Take() =>
        [
            .. _controls.Take(new ChunkSpan(_chunk, 4 * _chunk, 4 * _chunk + 3, TimeSpan.FromSeconds(++_chunk)))
                .Select(a => a.Change.ToString()),
        ];
}
