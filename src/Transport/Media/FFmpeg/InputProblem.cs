using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Says in one line why an input cannot be used.</summary>
internal static unsafe class InputProblem
{
    private const int ProbeBytes = 1 << 16;
    private const int ProbePadding = 32;
    private const int WeakScore = 25;

    // Linux's numbers, of which the bindings have only some.
    private const int ENoDevice = 6;
    private const int EAccess = 13;
    private const int EBusy = 16;
    private const int ENoSuchDevice = 19;
    private const int EAddressInUse = 98;
    private const int EAddressNotAvailable = 99;
    private const int ENetworkDown = 100;
    private const int ENetworkUnreachable = 101;
    private const int ETimedOut = 110;
    private const int EConnectionRefused = 111;
    private const int EHostUnreachable = 113;

    /// <summary>True for a plain path, false for anything with a protocol.</summary>
    public static bool IsLocalFile(string input) =>
        !input.Contains("://", StringComparison.Ordinal) && !input.StartsWith("pipe:", StringComparison.Ordinal);

    /// <summary>Throws for what can be seen without FFmpeg: a missing, empty or unreadable file, or a directory.</summary>
    public static void ThrowIfUnreadable(string path)
    {
        if (Directory.Exists(path))
        {
            throw new MediaException($"Input '{path}' is a directory: name a video file in it.");
        }

        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw new MediaException($"Input '{path}' does not exist: check the name.") { Absence = SourceAbsence.Missing };
        }

        // To open a pipe and close it again takes its writer's first bytes, or ends the writer.
        if (Files.FileStatus.Of(path, out _) is not { IsRegular: true })
        {
            return;
        }

        try
        {
            using var stream = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (stream.CanSeek && stream.Length == 0)
            {
                throw new MediaException($"Input '{path}' is empty (0 bytes): the copy or download that made it did not finish.");
            }
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            throw new MediaException($"Input '{path}' cannot be read: {error.Message.TrimEnd('.')}; check its permissions.", error);
        }
    }

    /// <summary>The exception for a file that FFmpeg refused to open.</summary>
    public static MediaException Refused(string input, int code)
    {
        if (code != AVERROR_INVALIDDATA && code != AVERROR_EOF)
        {
            return new MediaException($"Input '{input}' cannot be opened: {FFmpegError.Describe(code)}.");
        }

        if (StillHeader.Problem(input) is { } still)
        {
            return new MediaException($"Input '{input}' {still}");
        }

        return FormatName(input) is { } format
            ? new MediaException($"Input '{input}' is truncated or damaged: it begins like {format} but its index or header is missing; "
                + "copy or record it again.")
            : NotVideo(input);
    }

    /// <summary>
    /// The exception for an address, device or screen that FFmpeg could not open: says whether it is wrong, not there, or not there now.
    /// </summary>
    /// <param name="input">As the user wrote it.</param>
    /// <param name="code">FFmpeg's.</param>
    /// <param name="isLate">True when it was given up because of the time.</param>
    /// <param name="ct">Breaks into looking up a host's name.</param>
    public static MediaException Unavailable(string input, int code, bool isLate, CancellationToken ct)
    {
        var address = MediaAddress.Parse(input);
        var (reason, absence) = !isLate && WebRedirect.Problem(address, ct) is { } redirected ? (redirected, SourceAbsence.None)
            : isLate ? ("nothing was received in time; is anything sent there?", SourceAbsence.Away)
            : address.Kind is MediaKind.Camera or MediaKind.Screen ? Device(code)
            : Network(address, code, ct);
        return new MediaException($"Input '{address.Shown}' cannot be opened: {reason}") { Absence = absence };
    }

    /// <summary>The exception for a live input that was joined between two key frames.</summary>
    public static MediaException NoFrameYet(string input) =>
        new($"Input '{Shown(input)}' has sent no whole picture yet: its next key frame is waited for.") { Absence = SourceAbsence.Away };

    /// <summary>The exception for a live input that sends something, but nothing that tells of pictures.</summary>
    public static MediaException NoVideoYet(string input, bool hasSound) =>
        new($"Input '{Shown(input)}' has {(hasSound ? "sound but " : "")}no pictures so far: its next key frame is far away, or its sender "
            + "sends no video.")
        {
            Absence = SourceAbsence.Away,
        };

    /// <summary>An input's name without its secrets.</summary>
    public static string Shown(string input) => MediaAddress.Parse(input).Shown;

    /// <summary>The exception for a file that is something else altogether.</summary>
    public static MediaException NotVideo(string input) => new($"Input '{input}' is not a video: FFmpeg does not recognise its contents.");

    private static (string Reason, SourceAbsence Absence) Device(int code) => -code switch
    {
        ENoDevice or ENoSuchDevice => ("there is no such device; 'streamdiff doctor' lists the video devices.", SourceAbsence.Missing),
        EBusy => ("another program uses it; end that.", SourceAbsence.Away),
        EAccess => ("permission denied; add the user to the group of the device, 'video' for cameras.", SourceAbsence.None),
        _ => ($"{FFmpegError.Describe(code)}; 'streamdiff doctor' lists the video devices.", SourceAbsence.None),
    };

    private static (string Reason, SourceAbsence Absence) Network(MediaAddress address, int code, CancellationToken ct)
    {
        var words = FFmpegError.Describe(code);
        if (code == AVERROR_HTTP_NOT_FOUND || code == AVERROR(ENOENT))
        {
            return ($"it does not exist ({words}); check the address.", SourceAbsence.Missing);
        }

        if (code == AVERROR_HTTP_BAD_REQUEST || code == AVERROR_HTTP_UNAUTHORIZED || code == AVERROR_HTTP_FORBIDDEN
            || code == AVERROR_HTTP_OTHER_4XX)
        {
            return ($"its server refuses ({words}); check the address and its key.", SourceAbsence.Missing);
        }

        if (code == AVERROR_INVALIDDATA)
        {
            return ("what is sent there is no video that FFmpeg recognises; check the address.", SourceAbsence.None);
        }

        // FFmpeg says no more than EIO when it cannot find the host.
        if (code == AVERROR(EIO) && UnknownHost(address, ct) is { } host)
        {
            var reason = $"it cannot be reached, the name {host} is not known; check the address and this machine's network.";
            return (reason, SourceAbsence.Missing);
        }

        if (code == AVERROR(EIO) && address.Kind == MediaKind.Srt)
        {
            // SRT tells no more than that.
            return ("nobody answers there, or not with this passphrase; check address, passphrase and mode.", SourceAbsence.Away);
        }

        return -code switch
        {
            EConnectionRefused => ($"it cannot be reached ({words}); is its server running, and the port right?", SourceAbsence.Away),
            ENetworkUnreachable or EHostUnreachable or ETimedOut or ENetworkDown =>
                ($"it cannot be reached ({words}); check the address and this machine's network.", SourceAbsence.Away),
            EAddressInUse or EAddressNotAvailable or EAccess =>
                ($"{words}; is the port in use, or the address not this machine's?", SourceAbsence.Missing),
            _ when IsWrongRequest(code) => ($"{words}; check the address.", SourceAbsence.None),
            _ => ($"{words}; check that it is there and sends.", SourceAbsence.Away),
        };
    }

    private static bool IsWrongRequest(int code) =>
        code == AVERROR(EINVAL) || code == AVERROR(ENOSYS) || code == AVERROR(EPERM)
        || code == AVERROR_PROTOCOL_NOT_FOUND || code == AVERROR_DEMUXER_NOT_FOUND || code == AVERROR_OPTION_NOT_FOUND
        || code == AVERROR_PATCHWELCOME;

    // The host where it is a name that cannot be looked up. A proxy looks names up by itself.
    private static string? UnknownHost(MediaAddress address, CancellationToken ct)
    {
        if (!Uri.TryCreate(address.Target, UriKind.Absolute, out var uri) || uri.HostNameType != UriHostNameType.Dns
            || (address.Kind == MediaKind.Http && !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("http_proxy"))))
        {
            return null;
        }

        try
        {
            _ = Dns.GetHostAddressesAsync(uri.Host, ct).GetAwaiter().GetResult();
            return null;
        }
        catch (SocketException)
        {
            return uri.Host;
        }
    }

    private static string? FormatName(string path)
    {
        // A pipe cannot be read again: to open it would wait for a writer who never comes.
        if (Files.FileStatus.Of(path, out _) is not { IsRegular: true })
        {
            return null;
        }

        var buffer = (byte*)NativeMemory.AllocZeroed(ProbeBytes + ProbePadding);
        try
        {
            using var stream = File.OpenRead(path);
            var probe = new AVProbeData
            {
                buf = buffer,
                buf_size = stream.ReadAtLeast(new Span<byte>(buffer, ProbeBytes), ProbeBytes, throwOnEndOfStream: false),
            };
            int score;
            var format = av_probe_input_format3(&probe, 1, &score);
            return format is null || score < WeakScore || IsTextArt(format) ? null : Marshal.PtrToStringUTF8((nint)format->long_name);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>FFmpeg draws text files as pictures; nobody who names one means that.</summary>
    public static bool IsTextArt(AVInputFormat* format) =>
        Marshal.PtrToStringUTF8((nint)format->name) is "tty" or "bin" or "xbin" or "adf" or "idf";
}
