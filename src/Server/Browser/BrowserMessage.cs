using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Server.Browser;

/// <summary>Text messages between a browser and us, one JSON object each.</summary>
/// <param name="Type">format (out: what follows), publish (in: what follows), publishing (out: taken), key (in: a key frame, please), error
/// (out: why the connection ends).</param>
internal sealed record BrowserMessage(string Type)
{
    private const int LongestReason = 120;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = 4,
    };

    public string? Codec { get; init; }

    public int? Width { get; init; }

    public int? Height { get; init; }

    public double? FrameRate { get; init; }

    /// <summary>Base64 of what the decoder needs beforehand.</summary>
    public byte[]? Description { get; init; }

    public BrowserSound? Sound { get; init; }

    /// <summary>What a publisher calls itself.</summary>
    public string? Client { get; init; }

    public string? Message { get; init; }

    public static BrowserMessage Of(StreamFormat format) => new("format")
    {
        Codec = format.Codec,
        Width = format.Width,
        Height = format.Height,
        FrameRate = format.FrameRate,
        Sound = format.Sound is { } sound ? new BrowserSound(sound.Codec, sound.SampleRate, sound.Channels, null) : null,
    };

    /// <summary>Reads what a peer sent, which may be anything.</summary>
    /// <exception cref="MediaException">It is no message.</exception>
    public static BrowserMessage Parse(ReadOnlySpan<byte> text)
    {
        try
        {
            var message = JsonSerializer.Deserialize<BrowserMessage>(text, Json);
            return message?.Type is null ? throw new MediaException("A text message is a JSON object with a type.") : message;
        }
        catch (JsonException)
        {
            throw new MediaException("A text message is a JSON object with a type.");
        }
    }

    /// <summary>What a publisher is going to send.</summary>
    /// <exception cref="MediaException">Something is missing.</exception>
    public StreamFormat ToFormat() => Type == "publish" && Codec is { Length: > 0 and <= 64 } codec && Width is { } width
        && Height is { } height
        ? new StreamFormat(codec, width, height, FrameRate ?? 0, Sound is null ? null
            : new SoundFormat(Sound.Codec ?? "", Sound.SampleRate, Sound.Channels) { Description = Sound.Description })
        {
            Description = Description,
        }
        : throw new MediaException("The first message is {\"type\": \"publish\", \"codec\": ..., \"width\": ..., \"height\": ...}.");

    public Task SendAsync(WebSocket socket, CancellationToken ct) =>
        socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(this, Json), WebSocketMessageType.Text, true, ct);

    /// <summary>Tells a peer what was wrong and ends the conversation.</summary>
    public static async Task RefuseAsync(WebSocket socket, string reason, CancellationToken ct)
    {
        await new BrowserMessage("error") { Message = reason }.SendAsync(socket, ct).ConfigureAwait(false);
        var shortened = reason.Length <= LongestReason ? reason : reason[..LongestReason];
        await socket.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, shortened, ct).ConfigureAwait(false);
    }
}

/// <summary>Sound of a <see cref="BrowserMessage"/>.</summary>
internal sealed record BrowserSound(string? Codec, int SampleRate, int Channels, byte[]? Description);
