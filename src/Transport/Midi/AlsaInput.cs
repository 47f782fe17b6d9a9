using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Midi;

/// <summary>
/// A MIDI input by ALSA's sequencer (libasound.so.2, alsa-project.org): a port that other programs and devices connect to, and that
/// connects to those that are named. Its events are given on a thread of its own.
/// </summary>
public sealed partial class AlsaInput : IDisposable
{
    /// <summary>Bytes of a snd_seq_event_t.</summary>
    internal const int EventSize = 28;

    private const string Library = "libasound.so.2";
    private const int OpenInput = 2;
    private const int NonBlocking = 1;
    private const uint CapWrite = 1 << 1 | 1 << 6;
    private const uint TypeApplication = 1 << 1 | 1 << 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly IntPtr _sequencer;
    private readonly Thread _thread;
    private readonly Action<MidiEvent> _received;
    private readonly ManualResetEventSlim _over = new();

    private AlsaInput(IntPtr sequencer, Action<MidiEvent> received)
    {
        (_sequencer, _received) = (sequencer, received);
        _thread = new Thread(Receive) { Name = "streamdiff midi", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Opens the port "streamdiff:in".</summary>
    /// <param name="source">What it is connected to, as aconnect names it: CLIENT:PORT in numbers or a name; null for nothing yet.</param>
    /// <param name="received">Takes each event.</param>
    /// <exception cref="IOException">There is no sequencer, or no such source; one line.</exception>
    public static AlsaInput Open(string? source, Action<MidiEvent> received)
    {
        var sequencer = IntPtr.Zero;
        try
        {
            Check(snd_seq_open(out sequencer, "default", OpenInput, NonBlocking), "ALSA's sequencer cannot be opened");
            Check(snd_seq_set_client_name(sequencer, "streamdiff"), "ALSA's sequencer takes no name");
            var port = snd_seq_create_simple_port(sequencer, "in", CapWrite, TypeApplication);
            Check(port, "ALSA's sequencer gives no port");
            if (source is not null)
            {
                var address = new byte[2];
                Check(snd_seq_parse_address(sequencer, address, source), $"there is no MIDI source {source} (aconnect -i lists them)");
                Check(snd_seq_connect_from(sequencer, port, address[0], address[1]), $"MIDI source {source} cannot be connected");
            }
            return new AlsaInput(sequencer, received);
        }
        catch (DllNotFoundException e)
        {
            throw new IOException($"midi needs {Library}: install libasound2", e);
        }
        catch
        {
            if (sequencer != IntPtr.Zero)
                _ = snd_seq_close(sequencer);
            throw;
        }
    }

    public void Dispose()
    {
        _over.Set();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
        _ = snd_seq_close(_sequencer);
        _over.Dispose();
    }

    /// <summary>Reads a snd_seq_event_t; null for what is of no use here.</summary>
    internal static MidiEvent? Read(ReadOnlySpan<byte> sequencerEvent)
    {
        var data = sequencerEvent[16..];
        // data.note: channel, note, velocity; data.control: channel, three unused, parameter, value.
        int Parameter(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        int Value(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        return sequencerEvent[0] switch
        {
            6 => new MidiEvent(MidiKind.Note, data[0] + 1, data[1] & 127, data[2] & 127),
            7 => new MidiEvent(MidiKind.Note, data[0] + 1, data[1] & 127),
            10 => new MidiEvent(MidiKind.Controller, data[0] + 1, Parameter(data) & 127, Value(data) & 127),
            12 => new MidiEvent(MidiKind.Pressure, data[0] + 1, 0, Value(data) & 127),
            // -8192 to 8191.
            13 => new MidiEvent(MidiKind.Bend, data[0] + 1, 0, Math.Clamp((Value(data) + 8192) >> 7, 0, 127)),
            20 => new MidiEvent(MidiKind.SongPosition, 0, 0, Value(data) & 0x3fff),
            30 => new MidiEvent(MidiKind.Start),
            31 => new MidiEvent(MidiKind.Continue),
            32 => new MidiEvent(MidiKind.Stop),
            36 => new MidiEvent(MidiKind.Clock),
            _ => null,
        };
    }

    private unsafe void Receive()
    {
        while (!_over.IsSet)
        {
            if (snd_seq_event_input(_sequencer, out var happened) < 0 || happened == null)
                _over.Wait(Pause);
            else if (Read(new ReadOnlySpan<byte>(happened, EventSize)) is { } read)
                _received(read);
        }
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
            throw new IOException($"{what}: {Marshal.PtrToStringUTF8(snd_strerror(result))}");
    }

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int snd_seq_open(out IntPtr handle, string name, int streams, int mode);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int snd_seq_set_client_name(IntPtr handle, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int snd_seq_create_simple_port(IntPtr handle, string name, uint caps, uint type);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int snd_seq_parse_address(IntPtr handle, [Out] byte[] address, string text);

    [LibraryImport(Library)]
    private static partial int snd_seq_connect_from(IntPtr handle, int port, int client, int sourcePort);

    [LibraryImport(Library)]
    private static unsafe partial int snd_seq_event_input(IntPtr handle, out byte* happened);

    [LibraryImport(Library)]
    private static partial int snd_seq_close(IntPtr handle);

    [LibraryImport(Library)]
    private static partial IntPtr snd_strerror(int number);
}
