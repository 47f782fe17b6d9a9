using System.Globalization;
using StreamDiff.Models;
using StreamDiff.Models.Files;

namespace StreamDiff.Pipeline.Plan;

/// <summary>The ranks that a user names: devices of this process, ranks elsewhere, or both, devices of this process first.</summary>
/// <param name="Text">As the user wrote it.</param>
/// <param name="Devices">Devices of ranks of this process, such as cpu or cuda:1.</param>
/// <param name="Remote">host:port of ranks in other processes.</param>
public sealed record RankList(string Text, ValueList<DeviceName> Devices, ValueList<string> Remote)
{
    private const int LargestFile = 1 << 20;

    /// <summary>The file that the list was read from; null where it was given as it is.</summary>
    public string? File { get; private init; }

    /// <summary>File with the secret that the ranks share; null for the environment variable, or none.</summary>
    public string? SecretFile { get; private init; }

    /// <summary>PEM file with the certificate, or the authority, that ranks elsewhere must show; null for no TLS.</summary>
    public string? TlsAuthority { get; private init; }

    public int Count => Devices.Count + Remote.Count;

    /// <summary>
    /// Reads a list such as <c>cuda:0,cuda:1</c> or <c>cpu,cpu,host:7000</c>, or the name of a file with one rank a line.
    /// </summary>
    /// <exception cref="ModelException">It is no such list.</exception>
    public static RankList Parse(string text)
    {
        var fromFile = Device(text) is null && !text.Contains(',', StringComparison.Ordinal) && System.IO.File.Exists(text);
        var entries = fromFile ? Lines(text) : text.Split(',');
        var devices = new List<DeviceName>();
        var remote = new List<string>();
        string? secret = null, authority = null;
        foreach (var line in entries)
        {
            var entry = line.Split('#')[0].Trim();
            if (entry.Length == 0 && fromFile)
                continue;
            if (fromFile && entry.StartsWith("secret-file:", StringComparison.Ordinal))
                secret = Named(text, entry["secret-file:".Length..], "secret-file");
            else if (fromFile && entry.StartsWith("tls-ca:", StringComparison.Ordinal))
                authority = Named(text, entry["tls-ca:".Length..], "tls-ca");
            else if (Device(entry) is { } device)
                devices.Add(remote.Count == 0
                    ? device
                    : throw new ModelException($"ranks: the devices of this process come first, {entry} after {remote[^1]} does not"));
            else if (IsHost(entry))
                remote.Add(entry);
            else
                throw new ModelException(fromFile
                    ? $"{text}: '{entry}' is no rank: a line is cpu, cuda:N, host:port, secret-file: PATH or tls-ca: PATH"
                    : $"ranks must be devices such as cuda:0,cuda:1, addresses such as host:7000, or a file with one a line, not '{text}'");
        }
        if (devices.Count + remote.Count == 0)
            throw new ModelException($"ranks: {text} names none");
        if (remote.Distinct(StringComparer.Ordinal).Count() < remote.Count)
            throw new ModelException("ranks: an address is named twice");
        return new RankList(text, new(devices), new(remote))
        {
            File = fromFile ? text : null,
            SecretFile = secret,
            TlsAuthority = authority,
        };
    }

    public override string ToString() => Text;

    private static string[] Lines(string file)
    {
        try
        {
            return BoundedFile.ReadText(file, LargestFile).ReplaceLineEndings("\n").Split('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"ranks: {file} cannot be read: {e.Message}", e);
        }
    }

    private static string Named(string file, string path, string key) =>
        path.Trim() is { Length: > 0 } given ? given : throw new ModelException($"{file}: {key}: needs the path of a file");

    private static bool IsHost(string entry)
    {
        var colon = entry.LastIndexOf(':');
        return colon > 0 && int.TryParse(entry.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and < 65536
            && Uri.CheckHostName(entry[..colon].Trim('[', ']')) != UriHostNameType.Unknown;
    }

    private static DeviceName? Device(string text) => DeviceName.Find(text) is { } device && device != DeviceName.Auto ? device : null;
}
