using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>Decodes a source's sound, also where it begins late or becomes another one on the way.</summary>
/// <param name="first">The sound that was there when the source was opened; null for none.</param>
internal sealed class SoundTracks(AudioStreamInfo? first) : IDisposable
{
    private AudioStreamInfo? _track;
    private SoundReader? _reader;

    /// <summary>Takes note of the sound that a packet is of.</summary>
    /// <returns>What is to be told of it; null where it is the one before, or the one that the source was opened with.</returns>
    public (bool IsTrouble, string Text)? Change(AudioPacket packet)
    {
        var track = packet.Track ?? first;
        if (track is null || track == _track)
            return null;
        _track = track;
        _reader?.Dispose();
        _reader = null;
        try
        {
            _reader = new SoundReader(track);
            return track == first ? null : (false, $"{track.Codec} {track.SampleRate} Hz");
        }
        catch (MediaException error)
        {
            // Pictures without sound are better than neither.
            return (true, error.Message);
        }
    }

    /// <summary>As <see cref="SoundReader.Read"/>; nothing where it cannot be decoded.</summary>
    public IReadOnlyList<SoundBlock> Read(AudioPacket packet) => _reader?.Read(packet) ?? [];

    public void Dispose() => _reader?.Dispose();
}
