namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// Where the publishers of this process's streams are relayed at the moment: fronts come and go while a stream runs, and one that is begun
/// anew may be elsewhere.
/// </summary>
public static class RelayHosts
{
    private static volatile string _current = "";

    /// <summary>
    /// HOST:PORT, separated by commas; asked before those of an address that was given when a stream began. Empty where nobody has said.
    /// </summary>
    public static string Current
    {
        get => _current;
        set => _current = value;
    }
}
