namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>The server's side of one connection: from the handshake to the stream being published.</summary>
internal sealed class RtmpPublishing : IDisposable
{
    private const int Window = 2_500_000;
    private const uint OnlyStream = 1;

    // How long the other side may take for its last words.
    private static readonly TimeSpan Parting = TimeSpan.FromSeconds(2);

    // Encoders need about one KB.
    private const int MostBeforePublish = 16 << 10;

    private readonly Stream _stream;
    private readonly Func<string, string?, bool> _accepts;
    private readonly RtmpReader _reader;
    private readonly RtmpWriter _writer;
    private string? _app;
    private long _acknowledged;

    /// <param name="stream">The connection.</param>
    /// <param name="accepts">True for an application that is known; with a stream key, for the two together.</param>
    public RtmpPublishing(Stream stream, Func<string, string?, bool> accepts)
    {
        (_stream, _accepts) = (stream, accepts);
        (_reader, _writer) = (new RtmpReader(stream), new RtmpWriter(stream));
    }

    /// <summary>The application that the publisher has named.</summary>
    public string App => _app ?? "";

    /// <summary>The stream key that it has named.</summary>
    public string Key { get; private set; } = "";

    /// <summary>Does everything up to the wish to publish, which is checked and not answered yet.</summary>
    /// <exception cref="RtmpException">The peer is no publisher, or has another application or key.</exception>
    /// <param name="ct">Breaks it off.</param>
    /// <param name="phase">Called as each of its phases begins: handshake, connect, publish.</param>
    public async Task NegotiateAsync(CancellationToken ct, Action? phase = null)
    {
        phase?.Invoke();
        await RtmpHandshake.AcceptAsync(_stream, ct).ConfigureAwait(false);
        phase?.Invoke();
        while (true)
        {
            if (_reader.Received > MostBeforePublish)
            {
                throw new RtmpException("the peer says much and does not publish");
            }

            var message = await ReadAsync(ct).ConfigureAwait(false);
            var hadApp = _app is not null;
            if (message.Type is RtmpType.Command or RtmpType.CommandAmf3 && await Answer(message, ct).ConfigureAwait(false))
            {
                return;
            }

            if (!hadApp && _app is not null)
            {
                phase?.Invoke();
            }
        }
    }

    /// <summary>Tells the publisher that it may begin.</summary>
    public async Task AcceptAsync(CancellationToken ct)
    {
        _reader.IsProven = true;
        await _writer.StreamBeginsAsync(OnlyStream, ct).ConfigureAwait(false);
        await Status("status", "NetStream.Publish.Start", "publishing", ct).ConfigureAwait(false);
    }

    /// <summary>Tells the publisher that it may not, and why.</summary>
    public Task RefuseAsync(string reason, CancellationToken ct) => Status("error", "NetStream.Publish.BadName", reason, ct);

    /// <summary>The next message of the stream: sound, pictures or data; null when the publisher ends it.</summary>
    public async ValueTask<RtmpMessage?> NextAsync(CancellationToken ct)
    {
        while (true)
        {
            var message = await ReadAsync(ct).ConfigureAwait(false);
            switch (message.Type)
            {
                case RtmpType.Audio or RtmpType.Video or RtmpType.Data:
                    return message;
                case RtmpType.Command when NameOf(message) is "deleteStream" or "FCUnpublish" or "closeStream":
                    return null;
            }
        }
    }

    /// <summary>True once the peer has named an application: it speaks RTMP and wants something.</summary>
    public bool HasAsked { get; private set; }

    /// <summary>
    /// Lets a publisher that has ended its stream say the rest, and close: encoders (GStreamer) take a connection that breaks off before
    /// for a failure.
    /// </summary>
    public async Task PartAsync(CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Parting);
        await Status("status", "NetStream.Unpublish.Success", "ended", patience.Token).ConfigureAwait(false);
        while (true)
        {
            _ = await ReadAsync(patience.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Lets go of what was received and not finished.</summary>
    public void Dispose() => _reader.Dispose();

    /// <summary>Bytes received so far.</summary>
    public long Received => _reader.Received;

    private async ValueTask<RtmpMessage> ReadAsync(CancellationToken ct)
    {
        var message = await _reader.ReadAsync(ct).ConfigureAwait(false);
        if (_reader.Received - _acknowledged > Window / 2)
        {
            _acknowledged = _reader.Received;
            await _writer.AcknowledgeAsync(_acknowledged, ct).ConfigureAwait(false);
        }

        return message;
    }

    private async Task<bool> Answer(RtmpMessage message, CancellationToken ct)
    {
        var values = Values(message);
        var transaction = values.ElementAtOrDefault(1) as double? ?? 0;
        var command = values.FirstOrDefault() as string;
        // Nothing else is for somebody whose application is not known.
        if (_app is null && command is ("createStream" or "publish"))
        {
            throw new RtmpException($"{command} before connect");
        }

        switch (command)
        {
            case "connect":
                await Connect(values, transaction, ct).ConfigureAwait(false);
                return false;
            case "createStream":
                await _writer.CommandAsync(0, ct, "_result", transaction, null, (double)OnlyStream).ConfigureAwait(false);
                return false;
            case "publish":
                await Check(values.ElementAtOrDefault(3) as string ?? "", ct).ConfigureAwait(false);
                return true;
            case "play" or "play2":
                await Status("error", "NetStream.Play.StreamNotFound", "publishing only", ct).ConfigureAwait(false);
                throw new RtmpException("the peer wants to play, not to publish");
            default:
                // releaseStream, FCPublish, _checkbw and the like want no answer to go on.
                return false;
        }
    }

    private async Task Connect(List<object?> values, double transaction, CancellationToken ct)
    {
        var app = (values.ElementAtOrDefault(2) as Dictionary<string, object?>)?.GetValueOrDefault("app") as string ?? "";
        HasAsked = true;
        if (_app is not null || !_accepts(app, null))
        {
            await _writer.CommandAsync(0, ct, "_error", transaction, null,
                Info("error", "NetConnection.Connect.Rejected", "no such application")).ConfigureAwait(false);
            throw new RtmpException("another application was asked for");
        }

        _app = app;
        await _writer.BeginAsync(Window, ct).ConfigureAwait(false);
        (string, object?)[] server = [("fmsVer", "FMS/3,0,1,123"), ("capabilities", 31.0)];
        await _writer.CommandAsync(
            0, ct, "_result", transaction, server, Info("status", "NetConnection.Connect.Success", "connected")).ConfigureAwait(false);
    }

    private async Task Check(string key, CancellationToken ct)
    {
        Key = key;
        if (!_accepts(App, key))
        {
            await RefuseAsync("wrong stream key", ct).ConfigureAwait(false);
            throw new RtmpException("a wrong stream key");
        }
    }

    private async Task Status(string level, string code, string description, CancellationToken ct) =>
        await _writer.CommandAsync(OnlyStream, ct, "onStatus", 0.0, null, Info(level, code, description)).ConfigureAwait(false);

    private static (string, object?)[] Info(string level, string code, string description) =>
        [("level", level), ("code", code), ("description", description)];

    private static string? NameOf(RtmpMessage message) => Values(message).FirstOrDefault() as string;

    private static List<object?> Values(RtmpMessage message)
    {
        // The AMF3 kind begins with a zero, then is AMF0.
        var reader = new Amf0Reader(
            message.Type == RtmpType.CommandAmf3 && message.Payload.Length > 0 ? message.Payload.AsSpan(1) : message.Payload);
        var values = new List<object?>();
        while (reader.HasMore)
        {
            values.Add(reader.Read());
        }

        return values;
    }
}
