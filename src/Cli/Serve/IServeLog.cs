using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>Where a server's news goes. Called from several threads.</summary>
internal interface IServeLog
{
    /// <summary>A change of state, of a session or of the server.</summary>
    void Tell(LiveEvent news);

    /// <summary>An answer to a command, or a mistake.</summary>
    void Say(string text, bool isError = false);

    /// <summary>How sessions and device are doing.</summary>
    /// <param name="server">Asked for it.</param>
    /// <param name="isLast">True at the end: the outcome, on standard output.</param>
    void Status(SessionServer server, bool isLast = false);
}
