namespace StreamDiff.Transport.Media;

/// <summary>Whether waiting may help where an input cannot be opened.</summary>
public enum SourceAbsence
{
    /// <summary>No: it is there and cannot be used, or the request itself is wrong.</summary>
    None,

    /// <summary>
    /// There is nothing of that name: no such file, device or host, its server does not have it, or its port cannot be had. It may come,
    /// but nothing says so.
    /// </summary>
    Missing,

    /// <summary>It does not answer now: its server is not up, out of reach or busy, or nothing is sent.</summary>
    Away,
}
