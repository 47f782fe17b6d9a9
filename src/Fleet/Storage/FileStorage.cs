using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using StreamDiff.Transport.Files;

namespace StreamDiff.Fleet.Storage;

/// <summary>
/// Keeps what grains remember in a folder of one machine, a file each: written beside its name and renamed, so that a crash or a full disk
/// leaves the former one. Keys of streams are among it: folder and files are their owner's alone, also those that were not.
/// </summary>
internal sealed class FileStorage : IGrainStorage
{
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnFolder = OwnFile | UnixFileMode.UserExecute;

    private readonly string _folder;

    /// <param name="folder">The folder; made with the first file.</param>
    /// <exception cref="IOException">It is another user's.</exception>
    public FileStorage(string folder)
    {
        _folder = folder;
        if (OperatingSystem.IsWindows() || !Directory.Exists(folder))
            return;
        try
        {
            File.SetUnixFileMode(folder, OwnFolder);
            var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
            foreach (var found in new DirectoryInfo(folder).EnumerateFileSystemInfos("*", all))
                found.UnixFileMode = found is DirectoryInfo ? OwnFolder : OwnFile;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(
                $"the fleet cannot begin: {folder} has keys of sessions and must be its user's alone: {e.Message.TrimEnd('.')}", e);
        }
    }

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var path = PathOf(stateName, grainId);
        if (!File.Exists(path))
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
            return;
        }
        var text = await File.ReadAllTextAsync(path).ConfigureAwait(false);
        (grainState.State, grainState.ETag, grainState.RecordExists) =
            (JsonSerializer.Deserialize<T>(text) ?? Activator.CreateInstance<T>(), TagOf(text), true);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var path = PathOf(stateName, grainId);
        await Check(path, grainState.ETag).ConfigureAwait(false);
        var text = JsonSerializer.Serialize(grainState.State);
        foreach (var part in (string[])[_folder, Path.GetDirectoryName(path)!])
            _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(part) : Directory.CreateDirectory(part, OwnFolder);
        WholeFile.WritePrivate(path, text);
        (grainState.ETag, grainState.RecordExists) = (TagOf(text), true);
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var path = PathOf(stateName, grainId);
        await Check(path, grainState.ETag).ConfigureAwait(false);
        File.Delete(path);
        (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
    }

    // Another process with the same folder would be a second fleet.
    private static async Task Check(string path, string? tag)
    {
        var there = File.Exists(path) ? TagOf(await File.ReadAllTextAsync(path).ConfigureAwait(false)) : null;
        if (there != tag)
            throw new InconsistentStateException($"{path} was written by somebody else", there ?? "", tag ?? "");
    }

    private static string TagOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    // Names of streams are letters, digits and a few signs; what else a key may have is written in hexadecimal.
    private string PathOf(string stateName, GrainId id)
    {
        var key = id.Key.ToString() ?? "";
        var isPlain = key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
        var name = isPlain ? key : "." + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(key));
        return Path.Combine(_folder, stateName, $"{name}.json");
    }
}
