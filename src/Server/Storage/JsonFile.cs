using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Transport.Files;

namespace StreamDiff.Server.Storage;

/// <summary>A list that is kept in a file only its owner can read, written whole with each change. From any thread.</summary>
/// <typeparam name="T">What it is a list of.</typeparam>
internal sealed class JsonFile<T>
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private List<T> _items;

    /// <param name="path">The file; need not be there.</param>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public JsonFile(string path)
    {
        _path = path;
        try
        {
            _items = File.Exists(path) ? JsonSerializer.Deserialize<List<T>>(File.ReadAllText(path), StudioJson.Lenient) ?? [] : [];
            if (_items.Exists(i => i is null))
                throw new JsonException("an item that is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is damaged: remove it, or mend line {e.LineNumber + 1 ?? 1}", e);
        }
    }

    public IReadOnlyList<T> Items
    {
        get
        {
            lock (_gate)
                return _items;
        }
    }

    /// <summary>Changes the list; nothing changes where it cannot be written.</summary>
    /// <param name="change">Given a copy, changes it, and gives back what the caller wants of it.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public TResult Change<TResult>(Func<List<T>, TResult> change)
    {
        lock (_gate)
        {
            var items = new List<T>(_items);
            var result = change(items);
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            var text = JsonSerializer.Serialize(items, StudioJson.Strict);
            if (File.Exists(_path))
                WholeFile.Write(_path, text);
            else
                WholeFile.CreatePrivate(_path, text);
            _items = items;
            return result;
        }
    }
}
