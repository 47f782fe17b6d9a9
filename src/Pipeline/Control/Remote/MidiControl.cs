using System.Globalization;
using StreamDiff.Transport.Midi;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>
/// Steers streams by MIDI: controllers, keys, bend and pressure of any channel are signals (midi.cc1, midi.note36, midi.bend,
/// midi.pressure), and beats are those of a MIDI clock.
/// </summary>
/// <param name="streams">Who is steered.</param>
/// <param name="time">When clocks come.</param>
public sealed class MidiControl(SteeredStreams streams, TimeProvider time)
{
    private readonly MidiClock _clock = new(time);

    /// <summary>An event; from one thread at a time.</summary>
    public void Take(MidiEvent happened)
    {
        if (happened.Kind is MidiKind.Clock or MidiKind.Start or MidiKind.Continue or MidiKind.Stop or MidiKind.SongPosition)
        {
            if (_clock.Take(happened) is { } music)
                foreach (var controls in streams.All())
                    controls.Hear(music);
            return;
        }
        Give(new SignalChange(Name(happened), happened.Value / 127.0));
    }

    private static string Name(MidiEvent happened) => happened.Kind switch
    {
        MidiKind.Note => string.Create(CultureInfo.InvariantCulture, $"midi.note{happened.Number}"),
        MidiKind.Controller => string.Create(CultureInfo.InvariantCulture, $"midi.cc{happened.Number}"),
        MidiKind.Bend => "midi.bend",
        _ => "midi.pressure",
    };

    private void Give(ControlChange change)
    {
        foreach (var controls in streams.All())
            try
            {
                controls.Apply(change);
            }
            catch (ControlException)
            {
                // It has ended, or can change nothing.
            }
    }
}
