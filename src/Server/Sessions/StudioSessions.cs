using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Server.Sessions;

/// <summary>The sessions of the process, as HTTP sees them. All members may be used from any thread.</summary>
/// <param name="server">Runs them.</param>
/// <param name="reader">Reads descriptions of new ones.</param>
public sealed class StudioSessions(SessionServer server, ISessionReader reader)
{
    public SessionServer Server => server;

    public ISessionReader Reader => reader;

    /// <summary>A session that runs; null when there is none of that name, or it is still opening.</summary>
    public ServedRun? Find(string name) => server.Sessions.FirstOrDefault(s => s.Name == name);
}
