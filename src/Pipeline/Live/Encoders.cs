using System.Collections.Immutable;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// The encoders of a live run: one for each stream that somebody wants, shared by all that want the same. All members may be used from any
/// thread.
/// </summary>
/// <param name="clock">The run's.</param>
/// <param name="log">Told of changes of state.</param>
internal sealed class Encoders(LiveClock clock, Action<LiveEvent> log) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<object, SharedEncoder> _known = [];
    private ImmutableArray<SharedEncoder> _all = [];
    private int _count;
    private bool _isOver;

    /// <summary>How each is doing, those without a codec left out.</summary>
    public IReadOnlyList<EncoderStatus> Status => [.. All.Where(e => e.IsEncoded).Select(e => e.Status)];

    private ImmutableArray<SharedEncoder> All
    {
        get
        {
            lock (_gate)
                return _all;
        }
    }

    /// <summary>Begins to feed an output.</summary>
    /// <param name="name">The output's, for status and log.</param>
    /// <param name="streams">What it is made of.</param>
    /// <exception cref="OperationCanceledException">The run has ended.</exception>
    public EncoderFeed Add(string name, OutputStreams streams) => Add(name, streams, null);

    /// <summary>
    /// Begins to feed browsers that watch, with H.264 and Opus; null, and a line in the log, where no encoder can make that.
    /// </summary>
    /// <param name="format">Size, rate and encoder of the run's outputs; its address is a name for status and log.</param>
    /// <param name="viewers">The viewers, whose relay stays theirs.</param>
    /// <exception cref="OperationCanceledException">The run has ended.</exception>
    public EncoderFeed? Serve(LiveSinkOptions format, PacketRelay viewers)
    {
        try
        {
            return Add(format.Output, LiveSinks.StreamsOfViewers(format), viewers);
        }
        catch (MediaException error)
        {
            log(new LiveEvent(clock.Now, true, $"output {format.Output}", "lost", error.Message));
            return null;
        }
    }

    /// <summary>Forgets a feed that has left; an encoder that nobody holds any more ends.</summary>
    public void Remove(EncoderFeed feed)
    {
        Release(feed.Pictures);
        Release(feed.Sound);
    }

    /// <summary>Sends a frame, and the sound that goes with it, to all.</summary>
    public void Send(SharedFrame frame, long number, SoundBlock? sound)
    {
        foreach (var encoder in All)
        {
            encoder.Send(frame, number);
            if (sound is not null)
                encoder.Send(sound);
        }
    }

    /// <summary>Begins to end all of them.</summary>
    public void End()
    {
        lock (_gate)
            _isOver = true;
        foreach (var encoder in All)
            encoder.End();
    }

    /// <summary>Ends all of them and waits for it.</summary>
    public void Dispose()
    {
        End();
        foreach (var encoder in All)
            encoder.Dispose();
    }

    private EncoderFeed Add(string name, OutputStreams streams, PacketRelay? viewers)
    {
        var heard = viewers is null || streams.Sound is null ? null
            : new SoundFormat("opus", SoundBlock.Rate, SoundBlock.Channels);
        var feed = new EncoderFeed(name, viewers ?? new PacketRelay(), viewers is null, heard);
        SharedEncoder pictures;
        SharedEncoder? sound;
        lock (_gate)
        {
            if (_isOver)
                throw new OperationCanceledException();
            // An encoder that begins anew for a key frame would do so for all.
            pictures = Hold(streams.Pictures.MakesKeys ? streams.Pictures : feed, () =>
                new SharedEncoder(streams.Pictures.IsEncoded ? ++_count : 0, streams.Pictures, clock, log));
            sound = streams.Sound is not { } wanted ? null
                : Hold(wanted, () => new SharedEncoder(++_count, wanted, clock, log));
        }
        feed.Take(pictures, sound);
        return feed;
    }

    private SharedEncoder Hold(object stream, Func<SharedEncoder> make)
    {
        if (!_known.TryGetValue(stream, out var encoder))
        {
            encoder = _known[stream] = make();
            _all = _all.Add(encoder);
        }
        encoder.Holders++;
        return encoder;
    }

    private void Release(SharedEncoder? encoder)
    {
        if (encoder is null)
            return;
        lock (_gate)
        {
            if (--encoder.Holders > 0 || _isOver)
                return;
            _known.Remove(_known.First(p => p.Value == encoder).Key);
            _all = _all.Remove(encoder);
        }
        encoder.Dispose();
    }
}
