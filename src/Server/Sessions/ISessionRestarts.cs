using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Server.Sessions;

/// <summary>Begins sessions again that have failed and are to be restarted.</summary>
public interface ISessionRestarts
{
    /// <summary>A session is about to begin.</summary>
    void Know(SessionPlan plan);

    /// <summary>A session is not to begin again. True where it was waiting for that.</summary>
    bool Forget(string name);
}
