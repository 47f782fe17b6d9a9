using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Transport.Files;

namespace StreamDiff.Server.Security;

/// <summary>An API key as it is kept: who has it and what it may do, with a hash of it that does not give it away.</summary>
/// <param name="Name">Of whoever has it.</param>
/// <param name="Role">What it may do.</param>
/// <param name="Hash">SHA-256 of the key, hexadecimal. The key is 256 random bits: nothing can be tried out.</param>
/// <param name="Sessions">Names of the sessions that it is for; null for all.</param>
public sealed record StoredKey(string Name, Role Role, string Hash, IReadOnlyList<string>? Sessions = null);

/// <summary>
/// The API keys of a studio, in a file that only its owner can read. Read again when it changes: a key that is taken away opens nothing
/// from then on. All members may be used from any thread.
/// </summary>
public sealed class KeyFile
{
    /// <summary>What a key begins with.</summary>
    public const string Prefix = "sdk_";

    private readonly Lock _gate = new();
    private readonly string _path;
    private (DateTime Written, long Length) _seen = (DateTime.MinValue, -1);
    private List<(byte[] Hash, StoredKey Key)> _keys = [];

    /// <param name="folder">The studio's folder; need not be there.</param>
    public KeyFile(string folder) => _path = Path.Combine(folder, "keys.json");

    /// <summary>All keys.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public IReadOnlyList<StoredKey> All
    {
        get
        {
            lock (_gate)
            {
                Refresh();
                return [.. _keys.Select(k => k.Key)];
            }
        }
    }

    /// <summary>Makes a key and keeps its hash.</summary>
    /// <returns>The key, which nobody can read again.</returns>
    /// <exception cref="InvalidDataException">There is one of that name, or the file is damaged.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public string Add(string name, Role role, IReadOnlyList<string>? sessions)
    {
        lock (_gate)
        {
            Refresh();
            if (_keys.Exists(k => k.Key.Name == name))
                throw new InvalidDataException($"there is a key named {name} already: 'streamdiff key remove {name}' takes it away");
            var key = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            Write([.. _keys.Select(k => k.Key), new StoredKey(name, role, Convert.ToHexStringLower(HashOf(key)), sessions)]);
            return key;
        }
    }

    /// <summary>Takes a key away. False where there is none of that name.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public bool Remove(string name)
    {
        lock (_gate)
        {
            Refresh();
            if (!_keys.Exists(k => k.Key.Name == name))
                return false;
            Write([.. _keys.Select(k => k.Key).Where(k => k.Name != name)]);
            return true;
        }
    }

    /// <summary>Whose key it is; null for none. Takes the same time whatever the key is like.</summary>
    public StoredKey? Find(string key)
    {
        var hash = HashOf(key);
        lock (_gate)
        {
            Refresh();
            StoredKey? found = null;
            foreach (var (stored, owner) in _keys)
                if (CryptographicOperations.FixedTimeEquals(stored, hash))
                    found = owner;
            return found;
        }
    }

    /// <summary>Compares two secrets in a time that says nothing of them.</summary>
    public static bool AreSame(string one, string other) => CryptographicOperations.FixedTimeEquals(HashOf(one), HashOf(other));

    private static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private void Refresh()
    {
        var file = new FileInfo(_path);
        var seen = file.Exists ? (file.LastWriteTimeUtc, file.Length) : (DateTime.MinValue, 0);
        if (seen == _seen)
            return;
        try
        {
            var keys = file.Exists ? JsonSerializer.Deserialize<List<StoredKey>>(File.ReadAllText(_path), StudioJson.Strict) ?? [] : [];
            if (keys.Exists(k => k is not { Name: not null, Hash.Length: 64 }))
                throw new FormatException("a key without a name or a hash");
            _keys = keys.ConvertAll(k => (Convert.FromHexString(k.Hash), k));
            _seen = seen;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new InvalidDataException($"{_path} is damaged: remove it and make the keys again", e);
        }
    }

    private void Write(List<StoredKey> keys)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var text = JsonSerializer.Serialize(keys, StudioJson.Strict);
        if (File.Exists(_path))
            WholeFile.Write(_path, text);
        else
            WholeFile.CreatePrivate(_path, text);
        _seen = (DateTime.MinValue, -1);
    }
}
