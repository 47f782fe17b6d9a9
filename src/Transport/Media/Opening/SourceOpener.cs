using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Relay;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Media.Srt;

namespace StreamDiff.Transport.Media.Opening;

/// <summary>
/// Opens one input as often as it takes. A port that publishers come to stays open in between, so that none finds it closed.
/// </summary>
public sealed class SourceOpener : IDisposable
{
    private readonly VideoSourceOptions _options;
    private readonly MediaAddress _address;
    private readonly RtmpListener? _listener;
    private readonly BrowserInput? _browser;
    private readonly SrtAddress? _srt;
    private readonly SrtListener? _srtListener;
    private volatile SrtSocket? _connection;

    /// <summary>Opens the port where the address asks for one, and nothing else yet.</summary>
    /// <param name="options">The input.</param>
    /// <param name="browser">Where a browser sends, for <c>browser:</c>; null where there is no page.</param>
    /// <param name="refused">Told which publishers the port sends away, and why, from any thread; null for nobody.</param>
    /// <exception cref="MediaException">The options are impossible, or the port cannot be opened.</exception>
    public SourceOpener(VideoSourceOptions options, BrowserInput? browser = null, Action<string>? refused = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        MediaSources.Validate(options);
        FFmpegLibrary.Initialize();
        _options = options;
        _address = MediaAddress.Parse(options.Input);
        if (_address.Kind == MediaKind.Browser)
        {
            _browser = browser ?? throw NoPage(_address);
        }

        _listener = _address.Kind == MediaKind.RtmpListen ? new RtmpListener(_address, options.StallTimeout, refused) : null;
        if (_address.Kind == MediaKind.Srt)
        {
            var srt = SrtAddress.Parse(_address);
            (_srt, _srtListener) = (srt, srt.IsListener ? new SrtListener(srt, isForSenders: true) : null);
        }
    }

    /// <summary>Throws for what can be seen of a live input without opening it.</summary>
    /// <exception cref="MediaException">The address is not understood.</exception>
    public static void Check(string input)
    {
        var address = MediaAddress.Parse(input);
        _ = LiveInputSettings.For(address);
        if (address.Kind == MediaKind.Srt)
        {
            _ = SrtAddress.Parse(address);
        }

        if (address.Kind == MediaKind.Relay)
        {
            RelayCaller.Check(address);
        }

        if (address.Kind == MediaKind.Other && !InputProtocols.Knows(address.Target))
        {
            var scheme = address.Target[..address.Target.IndexOf(':', StringComparison.Ordinal)];
            throw new MediaException(
                $"'{address.Shown}': FFmpeg knows no {scheme}://; use rtmp://, rtmps://, srt://, udp://, http://, https://, v4l2:, "
                    + "screen: or a file.");
        }
    }

    /// <summary>The exception for <c>browser:</c> where no browser can come.</summary>
    public static MediaException NoPage(MediaAddress address) =>
        new($"'{address.Shown}' is for sessions of 'streamdiff studio', whose page sends and shows frames: there is no page here.");

    /// <summary>Peers that the port has sent away; 0 where there is none.</summary>
    public long RefusedPeers => _listener?.Refused ?? _srtListener?.Refused ?? 0;

    /// <summary>How an SRT connection is doing; null where there is none.</summary>
    public LinkStatistics? Link => _connection?.Statistics;

    /// <summary>The port that publishers come to, also when any free one was asked for; 0 where there is none.</summary>
    public int ListeningPort => _listener?.Port ?? _srtListener?.Port ?? 0;

    /// <summary>
    /// Opens the input, a listener waits for its sender first, and waits for the first picture: as long as something comes where senders
    /// are waited for, or where there are pictures and only the next key frame is missing.
    /// </summary>
    /// <param name="ct">Breaks it off.</param>
    /// <param name="waiting">Told once what is waited for, where it is open and has no picture.</param>
    /// <exception cref="MediaException">It cannot be opened now.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public IFrameSource Open(CancellationToken ct, Action<string>? waiting = null)
    {
        if (!(_options.IsLive ?? _address.IsLive) || _address.Kind is MediaKind.File or MediaKind.Test)
        {
            return MediaSources.OpenOnce(_options, ct);
        }

        return new LiveSource(_options, Packets(ct), _address.WaitsForSender, waiting, ct);
    }

    private ILivePackets Packets(CancellationToken ct)
    {
        if (_listener is not null)
        {
            return new RtmpPackets(_listener.Accept(ct), _options.StallTimeout);
        }

        if (_address.Kind == MediaKind.Relay && RelayCaller.Connect(_address, ct) is var relay)
        {
            return relay.IsFlv
                ? new RtmpPackets(relay, _options.StallTimeout)
                : InputFile.Open(_options with { OpenTimeout = null }, new LiveInput(LiveInputSettings.For(_address), relay), ct);
        }

        var settings = LiveInputSettings.For(_address);
        if (settings.IsDevice)
        {
            DeviceLibrary.Initialize();
        }

        var bytes = Accept(ct);
        // Where FFmpeg itself listens, the wait for a sender is not the opening that may time out.
        var options = _address.IsListener && bytes is null ? _options with { OpenTimeout = null } : _options;
        return InputFile.Open(options, new LiveInput(settings, bytes), ct);
    }

    /// <summary>Closes the port, and with it the connection of a publisher.</summary>
    public void Dispose()
    {
        _listener?.Dispose();
        _srtListener?.Dispose();
    }

    // Null where a protocol of FFmpeg's brings the bytes.
    private IByteSource? Accept(CancellationToken ct)
    {
        if (_srt is not null)
        {
            return _connection = _srtListener?.Accept(ct) ?? SrtCaller.Connect(_srt, ct);
        }

        return _browser?.Accept(ct);
    }
}
