namespace StreamDiff.Server.Sessions;

/// <summary>Logs and recordings of sessions that other studios have: those of the workers of a fleet.</summary>
public interface ISessionFiles
{
    /// <summary>Who has a file, the newest first; who does not answer has none.</summary>
    /// <param name="session">Name of the session.</param>
    /// <param name="file">What is looked for: "log", or "recordings/" and a recording's name.</param>
    Task<IReadOnlyList<FoundFile>> Find(string session, string file);

    /// <summary>Copies one to a file of this machine.</summary>
    /// <param name="file">The file.</param>
    /// <param name="to">Where it is written.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="Problems.RefusedException">It cannot be had any more, or does not go on coming.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    Task Copy(FoundFile file, string to, CancellationToken ct);
}

/// <summary>A file of a session, elsewhere.</summary>
/// <param name="Worker">Who has it.</param>
/// <param name="Place">That one's studio.</param>
/// <param name="Path">Of the request for it.</param>
/// <param name="Changed">When it was last written, to the second.</param>
public sealed record FoundFile(string Worker, SessionPlace Place, string Path, DateTimeOffset Changed);
