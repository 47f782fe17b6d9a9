using System.Runtime.InteropServices;
using StreamDiff.Transport.Midi;

namespace StreamDiff.Transport.Tests.Midi;

/// <summary>
/// Events as libasound itself makes them of a device's bytes. Ports need the kernel's sequencer, which not every machine has.
/// </summary>
public sealed partial class AlsaInputTests
{
    private const string Sequencer = "/dev/snd/seq";

    [Theory]
    [InlineData(new byte[] { 0x99, 36, 100 }, MidiKind.Note, 10, 36, 100)]
    [InlineData(new byte[] { 0x89, 36, 64 }, MidiKind.Note, 10, 36, 0)]
    [InlineData(new byte[] { 0xb0, 74, 127 }, MidiKind.Controller, 1, 74, 127)]
    [InlineData(new byte[] { 0xe2, 0, 64 }, MidiKind.Bend, 3, 0, 64)]
    [InlineData(new byte[] { 0xe2, 127, 127 }, MidiKind.Bend, 3, 0, 127)]
    [InlineData(new byte[] { 0xd0, 50 }, MidiKind.Pressure, 1, 0, 50)]
    [InlineData(new byte[] { 0xf8 }, MidiKind.Clock, 0, 0, 0)]
    [InlineData(new byte[] { 0xfa }, MidiKind.Start, 0, 0, 0)]
    [InlineData(new byte[] { 0xfb }, MidiKind.Continue, 0, 0, 0)]
    [InlineData(new byte[] { 0xfc }, MidiKind.Stop, 0, 0, 0)]
    [InlineData(new byte[] { 0xf2, 4, 1 }, MidiKind.SongPosition, 0, 0, 132)]
    public void Read_EventOfTheLibrary_IsWhatTheBytesSay(byte[] bytes, MidiKind kind, int channel, int number, int value) =>
        Assert.Equal(new MidiEvent(kind, channel, number, value), AlsaInput.Read(Encoded(bytes)));

    [Theory]
    [InlineData(new byte[] { 0xc0, 5 })]
    [InlineData(new byte[] { 0xfe })]
    public void Read_OtherEvents_AreLeftOut(byte[] bytes) => Assert.Null(AlsaInput.Read(Encoded(bytes)));

    [Fact]
    public void Open_WithAndWithoutASequencer_IsAPortOrOneLine()
    {
        try
        {
            using var input = AlsaInput.Open(null, _ => { });
            Assert.True(File.Exists(Sequencer));
        }
        catch (IOException e)
        {
            Assert.False(File.Exists(Sequencer));
            Assert.Equal("ALSA's sequencer cannot be opened: No such file or directory", e.Message);
        }
    }

    private static byte[] Encoded(byte[] bytes)
    {
        Assert.Equal(0, snd_midi_event_new(64, out var coder));
        var made = new byte[64];
        Assert.Equal(bytes.Length, snd_midi_event_encode(coder, bytes, bytes.Length, made));
        snd_midi_event_free(coder);
        return made[..AlsaInput.EventSize];
    }

    [LibraryImport("libasound.so.2")]
    private static partial int snd_midi_event_new(nint size, out IntPtr coder);

    [LibraryImport("libasound.so.2")]
    private static partial nint snd_midi_event_encode(IntPtr coder, byte[] bytes, nint count, [Out] byte[] made);

    [LibraryImport("libasound.so.2")]
    private static partial void snd_midi_event_free(IntPtr coder);
}
