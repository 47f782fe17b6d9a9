using System.Security.Cryptography;

namespace StreamDiff.Server.Security;

/// <summary>
/// Pages that have logged in: a random ticket in a cookie stands for the key, which the page need not keep. Forgotten when the studio
/// ends.
/// </summary>
/// <param name="keys">Asked each time: a ticket is worth nothing without its key.</param>
/// <param name="time">The time.</param>
internal sealed class Tickets(KeyFile keys, TimeProvider time)
{
    /// <summary>Name of the cookie.</summary>
    public const string Cookie = "streamdiff";

    /// <summary>How long one lasts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (string Key, DateTimeOffset Until)> _tickets = [];

    /// <summary>A ticket for a key that is good.</summary>
    public string Issue(string key)
    {
        var ticket = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        lock (_gate)
        {
            foreach (var (old, _) in _tickets.Where(t => t.Value.Until <= now).ToList())
                _tickets.Remove(old);
            // The one that ends first makes room.
            if (_tickets.Count >= Most)
                _tickets.Remove(_tickets.MinBy(t => t.Value.Until).Key);
            _tickets[ticket] = (key, now + Lifetime);
        }
        return ticket;
    }

    /// <summary>
    /// Whose ticket it is; null for none, or when its key was taken away.
    /// A look-up of 256 random bits tells nothing by its time.
    /// </summary>
    public StoredKey? Find(string ticket)
    {
        string key;
        lock (_gate)
        {
            if (!_tickets.TryGetValue(ticket, out var found) || found.Until <= time.GetUtcNow())
                return null;
            key = found.Key;
        }
        return keys.Find(key);
    }

    public void Revoke(string ticket)
    {
        lock (_gate)
            _tickets.Remove(ticket);
    }
}
