namespace StreamDiff.Transport.Midi;

/// <summary>What happened on a MIDI input.</summary>
public enum MidiKind
{
    /// <summary>A key; value 0 where it is let go.</summary>
    Note,

    /// <summary>A controller.</summary>
    Controller,

    /// <summary>The bend wheel; 64 at rest.</summary>
    Bend,

    /// <summary>Pressure on all keys.</summary>
    Pressure,

    /// <summary>One of 24 in a quarter note.</summary>
    Clock,

    /// <summary>The music begins: the next clock is its first.</summary>
    Start,

    /// <summary>The music goes on: the next clock is the one that would have been next when it was stopped, or the song position.</summary>
    Continue,

    /// <summary>The music stops; clocks may come all the same.</summary>
    Stop,

    /// <summary>Where the music goes on from, in sixteenths of a whole note since its beginning, 0 to 16383.</summary>
    SongPosition,
}

/// <summary>An event of a MIDI input.</summary>
/// <param name="Kind">What.</param>
/// <param name="Channel">1 to 16; 0 for clocks.</param>
/// <param name="Number">Of the key or controller, 0 to 127; otherwise 0.</param>
/// <param name="Value">0 to 127, but for the song position.</param>
public readonly record struct MidiEvent(MidiKind Kind, int Channel = 0, int Number = 0, int Value = 0);
